import math

import pytest
from common import jobs
from common.results import Results, forget, read

COLUMNS = ("problem", "algorithm", "seed", "result")
KEY = COLUMNS[:3]


def row(seed, result=0.5, algorithm="hpm"):
    return {"problem": "a, b", "algorithm": algorithm, "seed": seed, "result": result}


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "new" / "r.csv"
    values = [1 / 3, math.nan, math.inf, -1e-300, 12345678]
    with Results(path, COLUMNS, KEY) as results:
        assert results.append(row(i, value) for i, value in enumerate(values)) == 5
    found = [r["result"] for r in read(path)]
    assert found[0] == pytest.approx(1 / 3, rel=1e-9)
    assert math.isnan(found[1]) and found[2:] == values[2:]
    assert read(path, seed=3, problem="a, b") == [row(3, -1e-300)]


def test_rows_that_exist_are_not_written_again(tmp_path):
    path = tmp_path / "r.csv"
    with Results(path, COLUMNS, KEY) as results:
        results.append([row(0), row(1)])
    with Results(path, COLUMNS, KEY) as results:
        assert results.keys == {("a, b", "hpm", 0), ("a, b", "hpm", 1)}
        assert results.append([row(1, 9), row(2)]) == 1
    assert [(r["seed"], r["result"]) for r in read(path)] == [(0, 0.5), (1, 0.5), (2, 0.5)]


def test_a_broken_last_line_is_mended_wherever_it_breaks(tmp_path):
    path = tmp_path / "r.csv"
    with Results(path, COLUMNS, KEY) as results:
        results.append([row(0), row(1)])
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with Results(path, COLUMNS, KEY) as results:
            assert len(results.keys) == (whole[:end].count(b"\n") - 1 if end >= header else 0)
            results.append([row(0), row(1)])
        assert path.read_bytes() == whole


def test_refusals(tmp_path):
    path = tmp_path / "r.csv"
    with Results(path, COLUMNS, KEY) as results:
        with pytest.raises(BlockingIOError):
            Results(path, COLUMNS, KEY)
        with pytest.raises(ValueError, match="unknown columns"):
            results.append([{**row(0), "loss": 1}])
    with pytest.raises(ValueError, match="has the columns"):
        Results(path, (*COLUMNS, "more"), KEY)
    path.write_text(path.read_text() + "a,b\n")
    with pytest.raises(ValueError, match="line 2"):
        Results(path, COLUMNS, KEY)


def test_forget(tmp_path):
    path = tmp_path / "r.csv"
    assert forget(path, lambda r: True) == 0
    with Results(path, COLUMNS, KEY) as results:
        results.append([row(0), row(1, algorithm="pbt"), row(2)])
    assert forget(path, lambda r: r["algorithm"] == "hpm") == 2
    assert [r["algorithm"] for r in read(path)] == ["pbt"]


def square(job):
    if job == 3:
        raise ValueError("three")
    return [row(job, job**2)]


def test_jobs_keep_what_succeeds_and_go_on_after_a_failure(tmp_path, capfd):
    path = tmp_path / "r.csv"
    with Results(path, COLUMNS, KEY) as results:
        assert jobs.run(range(6), square, results) == 1
    assert "ValueError: three" in capfd.readouterr().err
    assert {r["seed"]: r["result"] for r in read(path)} == {i: i**2 for i in (0, 1, 2, 4, 5)}
