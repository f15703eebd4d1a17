"""The Penn Treebank as numbers: `ptb.zip` with `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt`."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch

from common.data import data_folder

UNKNOWN, END = "<unk>", "<eos>"
FILES = {"training": "ptb.train.txt", "validation": "ptb.valid.txt", "test": "ptb.test.txt"}
SOURCE = (
    "The corpus in Mikolov's preprocessing is the folder data of http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz. "
    "Put ptb.train.txt, ptb.valid.txt and ptb.test.txt into a file ptb.zip, and set HPM_DATA to its folder."
)


@dataclass(frozen=True)
class Corpus:
    """Each part is one text, int64 `[words]`, whose numbers index `vocabulary`."""

    training: torch.Tensor
    validation: torch.Tensor
    test: torch.Tensor
    vocabulary: list[str]


def find(folder: str | os.PathLike[str] | None = None) -> Path:
    """The path of `ptb.zip` in the folder, in that of the variable HPM_DATA, or in `../shared/data`.

    Raises:
        FileNotFoundError: It is not there. The message says where to get it.
    """
    path = Path(folder or data_folder()) / "ptb.zip"
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. {SOURCE}")
    return path


def load(
    folder: str | os.PathLike[str] | None = None,
    words: tuple[int | None, int | None, int | None] = (None, None, None),
    vocabulary: int | None = None,
) -> Corpus:
    """Reads the corpus, or a shortened one.

    Args:
        folder: The folder of `ptb.zip`, as in :func:`find`.
        words: How many words from the beginning of the training, validation and test text are kept; None: all.
        vocabulary: How many different words are kept: the most frequent ones of the training text that is left, and
            `<unk>`, which stands for all others; None: all.
    """
    texts = {}
    with zipfile.ZipFile(find(folder)) as archive:
        # Some archives hold the files in a folder.
        members = {Path(name).name: name for name in archive.namelist()}
        for (part, file), count in zip(FILES.items(), words):
            text = archive.read(members[file]).decode("utf-8")
            texts[part] = text.replace("\n", f" {END} ").split()[:count]
    counted = Counter(texts["training"])
    counted.pop(UNKNOWN, None)
    # Words of equal frequency keep the order of their first appearance, so that the numbers are the same each time.
    kept = [UNKNOWN] + [word for word, _ in counted.most_common(None if vocabulary is None else vocabulary - 1)]
    numbers = {word: number for number, word in enumerate(kept)}
    parts = {part: torch.tensor([numbers.get(word, 0) for word in text]) for part, text in texts.items()}
    return Corpus(**parts, vocabulary=kept)


def streams(text: torch.Tensor, batch: int) -> torch.Tensor:
    """Cuts a text into so many parallel sequences of equal length, `[time, batch]`; what remains at the end is left out."""
    length = len(text) // batch
    return text[: length * batch].reshape(batch, length).t().contiguous()


def window(sequences: torch.Tensor, position: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Words `[length, batch]` from a position on and the word that follows each of them; less at the end of the sequences."""
    end = min(position + length, len(sequences) - 1)
    return sequences[position:end], sequences[position + 1 : end + 1]
