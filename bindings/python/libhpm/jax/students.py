"""A population in training: all that the students' next steps depend on, as one pytree."""

from __future__ import annotations

import functools
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import _double
from ..errors import ArgumentError
from ._paths import leaves_of

_DTYPES = "__dtypes__"
"""The entry of a file that says of which dtype each leaf is: numpy's format does not know those of keys and bfloat16."""


class State(NamedTuple):
    """Of one student, or of all with a leading axis of students."""

    params: Any
    optimizer: Any
    keys: Any
    data: Any


class Students:
    """A whole population: parameters, optimizer states, random keys and the order of the data, each a pytree whose leaves
    have a leading axis of students, ``[students, ...]``.

    All students train in one compiled step (:meth:`map`), and each draws from a key and takes data in an order of its own;
    so what other students do does not change it, and one that was restored trains on bit for bit.

    Args:
        params: Such as ``jax.vmap(init)(jax.random.split(key, count))`` makes them.
        optimizer: The optimizers' states, such as ``jax.vmap(optimizer.init)(params)``; None: none.
        keys: The random keys, typed or not; None: of seeds 0, 1, 2...
        data: Where each is in its data, such as ``jax.vmap(init_order, (0, None))(keys, examples)``; None: nothing.

    Attributes:
        params, optimizer, keys, data: As given, and as the last step left them; together `state`.
        count: The number of students.

    Raises:
        ArgumentError: A leaf has no axis of students, or another number of them: the sentence names it.

    Example:
        >>> students = hpm.jax.Students({"w": jnp.zeros(3)})
        >>> def step(state, rate):
        ...     noise = jax.random.normal(jax.random.fold_in(state.keys, 0))
        ...     return state._replace(params={"w": state.params["w"] + rate * noise}), noise
        >>> noise = students.map(step, jnp.array([0.0, 1.0, 1.0]))
        >>> students.params["w"].tolist() == [0.0, *noise[1:].tolist()]
        True
        >>> students.clone(sources=[1], students=[0])
        >>> bool(students.params["w"][0] == students.params["w"][1])
        True
    """

    def __init__(self, params: Any, optimizer: Any = None, keys: Any = None, data: Any = None):
        counts = [(name, jnp.shape(leaf)) for name, leaf in leaves_of(params, "params")]
        if not counts:
            raise ArgumentError("params holds no arrays; allowed: at least 1")
        self.count: int = counts[0][1][0] if counts[0][1] else 0
        if keys is None:
            keys = jax.vmap(jax.random.key)(jnp.arange(self.count))
        state = State(params, optimizer, keys, data)
        for name, leaf in leaves_of(state):
            shape = jnp.shape(leaf)
            if not shape or shape[0] != self.count or not self.count:
                raise ArgumentError(
                    f"{name!r} has shape {shape}; allowed: ({self.count or 'students'}, ...), with an axis of students"
                )
        self.state = jax.tree_util.tree_map(_strong, state)
        names = [name for name, _ in leaves_of(self.state)]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ArgumentError(f"{twice[0]!r} is the name of two arrays")

    @property
    def params(self) -> Any:
        return self.state.params

    @property
    def optimizer(self) -> Any:
        return self.state.optimizer

    @property
    def keys(self) -> Any:
        return self.state.keys

    @property
    def data(self) -> Any:
        return self.state.data

    def take(self, student: int) -> State:
        """One student's part, without the axis of students.

        Raises:
            ArgumentError: There is no such student.
        """
        index = self._index(student)
        return jax.tree_util.tree_map(lambda leaf: leaf[index], self.state)

    def put(self, student: int, **parts: Any) -> None:
        """Replaces parts of one student.

        Args:
            student: Its index.
            **parts: ``params``, ``optimizer``, ``keys`` or ``data``, as :meth:`take` gives them.

        Raises:
            ArgumentError: There is no such student or part, or a leaf has another name, shape or dtype: the sentence
                names it. The student is as it was.
        """
        index = self._index(student)
        unknown = set(parts) - set(State._fields)
        if unknown:
            raise ArgumentError(f"{sorted(unknown)[0]!r} is no part of a student; allowed: {', '.join(State._fields)}")
        whole = self.state
        for name, part in parts.items():
            mine = getattr(whole, name)
            part = _require_like(part, mine, name, 1)
            whole = whole._replace(**{name: jax.tree_util.tree_map(lambda m, p: m.at[index].set(p), mine, part)})
        self.state = whole

    def clone(self, sources: Sequence[int], students: Sequence[int]) -> None:
        """Students take over parameters and optimizer states of others, all at once. Their keys and the order of their data
        stay their own: a clone that saw the same noise would be no second opinion.

        Args:
            sources: Indices, one for each of `students`.
            students: Indices, each at most once.

        Raises:
            ArgumentError: There is no such student, or the lists don't fit. Nothing has changed.
        """
        if len(sources) != len(students) or len(set(map(int, students))) != len(students):
            raise ArgumentError(f"students are {list(students)} and sources {list(sources)}; allowed: one source for each student")
        # One gather over all students: a compiled form serves all lists.
        rows = np.arange(self.count)
        rows[[self._index(student) for student in students]] = [self._index(source) for source in sources]
        params, optimizer = _gather((self.state.params, self.state.optimizer), rows)
        self.state = self.state._replace(params=params, optimizer=optimizer)

    def map(self, step: Callable[..., Any], *arguments: Any, in_axes: Any = 0) -> Any:
        """One step of all students, compiled once for each `step`: give the same function each time.

        Args:
            step: ``step(state, *arguments)`` of one student returns its next :class:`State` and a result, a pytree. It
                draws from ``state.keys``, and puts the next key in its place.
            *arguments: Pytrees with an axis of students.
            in_axes: Of each argument the axis of students, as in `jax.vmap`: a number or None for all of them, or a
                tuple; None: all students get the same.

        Returns:
            The results, with a leading axis of students.

        Raises:
            ArgumentError: The next state has other leaves, shapes or dtypes: the sentence names one. Nothing has changed.
        """
        if isinstance(in_axes, list):
            in_axes = tuple(in_axes)
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(arguments)
        if len(axes) != len(arguments):
            raise ArgumentError(f"in_axes has {len(axes)} entries; allowed: {len(arguments)}, one for each argument")
        state, result = _mapped(step, axes)(self.state, *arguments)
        self.state = State(*(_require_like(p, m, n, 0) for p, m, n in zip(state, self.state, State._fields)))
        return result

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file of numpy's format .npz, each leaf under its name, such as ``params.encoder.weight``. It appears
        whole or not at all.

        Raises:
            OSError: The file can't be written.
        """
        arrays: dict[str, Any] = {}
        dtypes: dict[str, str] = {}
        for name, leaf in leaves_of(self.state):
            dtypes[name] = _dtype_of(leaf)
            array = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
            arrays[name] = array if array.dtype.isbuiltin == 1 else array.view(f"u{array.dtype.itemsize}")
        path = Path(path)
        unfinished = path.with_name(path.name + ".unfinished")
        try:
            # Written by hand, since np.savez has argument names of its own, which a leaf may have too.
            with zipfile.ZipFile(unfinished, "w") as file:
                for name, array in {_DTYPES: np.array(json.dumps(dtypes)), **arrays}.items():
                    with file.open(name + ".npy", "w", force_zip64=True) as entry:
                        np.lib.format.write_array(entry, array, allow_pickle=False)
            os.replace(unfinished, path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise

    def load(self, path: str | os.PathLike[str]) -> None:
        """Restores what :meth:`save` wrote, bit for bit, into students of the same structure.

        Raises:
            OSError: The file can't be read.
            ArgumentError: It is no file of students, or a leaf has another name, shape or dtype: the sentence names it. The
                students are as they were.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                dtypes = json.loads(str(file[_DTYPES]))
                arrays = {name: file[name] for name in dtypes}
        except OSError:
            raise
        except Exception as error:
            raise ArgumentError(f"{os.fspath(path)} is no file that Students.save wrote: {error}") from None
        mine = leaves_of(self.state)
        for name in [*(name for name, _ in mine), *dtypes]:
            if name not in dtypes:
                raise ArgumentError(f"{name!r} is one of the students' arrays, and is missing in {os.fspath(path)}")
            if name not in dict(mine):
                raise ArgumentError(f"{name!r} is in {os.fspath(path)}, and is none of the students' arrays")
        leaves = []
        for name, leaf in mine:
            array, data = arrays[name], jax.random.key_data(leaf) if _is_key(leaf) else leaf
            if dtypes[name] != _dtype_of(leaf) or array.shape != data.shape:
                raise ArgumentError(
                    f"{name!r} is {dtypes[name]}{list(array.shape)} in {os.fspath(path)}; allowed: "
                    f"{_dtype_of(leaf)}{list(data.shape)}, as in the students"
                )
            # Else without jax_enable_x64 doubles would become single.
            with _double():
                restored = jax.device_put(array if array.dtype == data.dtype else array.view(data.dtype), data.sharding)
            leaves.append(jax.random.wrap_key_data(restored, impl=jax.random.key_impl(leaf)) if _is_key(leaf) else restored)
        self.state = jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(self.state), leaves)

    def _index(self, student: Any) -> int:
        if isinstance(student, bool) or not hasattr(student, "__index__") or not 0 <= student < self.count:
            raise ArgumentError(f"student is {student!r}; allowed: 0 to {self.count - 1}")
        return int(student)


def init_order(key: jax.Array, examples: int) -> dict[str, jax.Array]:
    """Where one student is in its data at first: at the beginning of an epoch in random order.

    Args:
        key: Random, of the order alone.
        examples: Their number.

    Returns:
        What :func:`next_batch` takes.

    Example:
        >>> sorted(hpm.jax.init_order(jax.random.key(0), 10))
        ['epoch', 'key', 'order', 'position']
    """
    zero = jnp.zeros((), jnp.int32)
    return {"key": key, "epoch": zero, "position": zero, "order": _epoch(key, zero, examples)}


def next_batch(data: dict[str, jax.Array], size: int) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The next batch of indices: epochs in random order, one after the other; a batch may have the end of one and the
    beginning of the next.

    Args:
        data: Of :func:`init_order`, or as it was returned.
        size: Of the batch.

    Returns:
        Indices ``[size]``, and `data` for the next call.

    Raises:
        ArgumentError: `size` is not from 1 to the number of examples.

    Example:
        >>> data = hpm.jax.init_order(jax.random.key(0), 6)
        >>> first, data = hpm.jax.next_batch(data, 4)
        >>> second, data = hpm.jax.next_batch(data, 4)
        >>> sorted([*first.tolist(), *second[:2].tolist()])
        [0, 1, 2, 3, 4, 5]
    """
    order, position, epoch = data["order"], data["position"], data["epoch"]
    examples = order.shape[0]
    if not 1 <= size <= examples:
        raise ArgumentError(f"size is {size}; allowed: 1 to {examples}, the examples")
    following = _epoch(data["key"], epoch + 1, examples)
    batch = jax.lax.dynamic_slice(jnp.concatenate((order, following)), (position,), (size,))
    over = position + size >= examples
    return batch, data | {
        "epoch": jnp.where(over, epoch + 1, epoch),
        "position": jnp.where(over, position + size - examples, position + size),
        "order": jnp.where(over, following, order),
    }


def _epoch(key: jax.Array, epoch: jax.Array, examples: int) -> jax.Array:
    return jax.random.permutation(jax.random.fold_in(key, epoch), jnp.arange(examples, dtype=jnp.int32))


def _is_key(leaf: Any) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _dtype_of(leaf: Any) -> str:
    return f"key<{jax.random.key_impl(leaf)}>" if _is_key(leaf) else str(leaf.dtype)


def _strong(leaf: Any) -> jax.Array:
    """An array of an explicit dtype: a file has no others, and a step on what was restored must be the same one."""
    leaf = jnp.asarray(leaf)
    return leaf if _is_key(leaf) else jax.lax.convert_element_type(leaf, leaf.dtype)


def _require_like(part: Any, mine: Any, name: str, axes: int) -> Any:
    """A pytree with the structure, shapes and dtypes of another, of which the first axes are left out."""
    if jax.tree_util.tree_structure(part) != jax.tree_util.tree_structure(mine):
        given, own = dict(leaves_of(part, name)), dict(leaves_of(mine, name))
        for leaf in [*given, *own]:
            if leaf not in given or leaf not in own:
                raise ArgumentError(f"{leaf!r} is {'no array of the students' if leaf in given else 'missing'}: another structure")
        raise ArgumentError(f"{name!r} is {jax.tree_util.tree_structure(part)}; allowed: {jax.tree_util.tree_structure(mine)}")
    leaves = []
    for (path, leaf), (_, own) in zip(leaves_of(part, name), leaves_of(mine, name)):
        leaf = _strong(leaf)
        if leaf.shape != own.shape[axes:] or leaf.dtype != own.dtype:
            raise ArgumentError(f"{path!r} is {leaf.dtype}{list(leaf.shape)}; allowed: {own.dtype}{list(own.shape[axes:])}")
        leaves.append(leaf)
    return jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(mine), leaves)


@jax.jit
def _gather(tree: Any, rows: Any) -> Any:
    return jax.tree_util.tree_map(lambda leaf: leaf[rows], tree)


@functools.lru_cache(maxsize=16)
def _mapped(step: Callable[..., Any], axes: tuple[Any, ...]) -> Callable[..., Any]:
    compiled: Callable[..., Any] = jax.jit(jax.vmap(step, (0, *axes)))
    return compiled
