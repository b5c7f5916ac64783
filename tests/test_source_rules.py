"""Rules that hold for every line of ours: nothing is unpickled, and SQL is put together by SQLAlchemy.

Read from the source with `ast`; each rule is tried on a line that breaks it, so that it cannot be blind.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.test_imports import MAY_IMPORT, ROOT, files_of, imports_of

Rule = Callable[[ast.AST], str | None]

FILES = [path for package in sorted(MAY_IMPORT) for path in files_of(package)]
BESIDE = [path for folder in ("benchmarks", "requirements") for path in files_of(folder)]
"""Run by developers, on databases of their own; drills there change tables on purpose."""

UNPICKLING = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
RUNS_TEXT = {"eval", "exec", "compile"}
SQL_DOORS = {"text", "literal_column", "execute", "executemany", "executescript", "exec_driver_sql"}
RAW_SQL = {"storage/database.py"}
"""SQLite's PRAGMAs and the beginning of its transactions, before SQLAlchemy has a connection."""


def name_of(node: ast.expr) -> str:
    """`torch.load` of a call's function, as far as it is names."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def keyword(call: ast.Call, name: str) -> object:
    """A keyword's constant; "?" where it is none, None where it was not given."""
    for one in call.keywords:
        if one.arg == name:
            return one.value.value if isinstance(one.value, ast.Constant) else "?"
    return None


def unpickles(node: ast.AST) -> str | None:
    """What builds objects from bytes."""
    if isinstance(node, ast.Import):
        return next((alias.name for alias in node.names if alias.name.split(".")[0] in UNPICKLING), None)
    if isinstance(node, ast.ImportFrom):
        return node.module if (node.module or "").split(".")[0] in UNPICKLING else None
    if not isinstance(node, ast.Call):
        return None
    name = name_of(node.func)
    if name == "torch.load" and keyword(node, "weights_only") is not True:
        return "torch.load without weights_only=True"
    if name.endswith(("np.load", "numpy.load")) and keyword(node, "allow_pickle") not in (None, False):
        return "np.load with allow_pickle"
    if name in {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}:
        return name
    if name in RUNS_TEXT or name.endswith("read_pickle"):
        return name
    return None


def is_fixed(node: ast.expr) -> bool:
    """Whether a text is the same in every run, or chosen among such texts."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.IfExp):
        return is_fixed(node.body) and is_fixed(node.orelse)
    if isinstance(node, ast.FormattedValue):
        return is_fixed(node.value)
    return isinstance(node, ast.JoinedStr) and all(is_fixed(part) for part in node.values)


def is_text(node: ast.expr) -> bool:
    """Whether a text is written here, in whatever way."""
    if isinstance(node, ast.BinOp):
        return is_text(node.left) or is_text(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {"format", "join", "format_map", "replace"} and is_text(node.func.value)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def builds_sql(node: ast.AST) -> str | None:
    """SQL that is glued from pieces."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    door = name_of(node.func).rpartition(".")[2] or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
    if door not in SQL_DOORS:
        return None
    statement = node.args[0]
    if is_text(statement) and not is_fixed(statement):
        return f"{door}() of a text that is put together"
    # text() must show its words: a name could hold anything.
    if name_of(node.func) in {"text", "sa.text", "sqlalchemy.text", "literal_column"} and not is_fixed(statement):
        return f"{door}() of something that is not written there"
    return None


def runs_raw_sql(node: ast.AST) -> str | None:
    """A bare text given to a connection."""
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.func, ast.Attribute):
        return None
    raw = node.func.attr in SQL_DOORS - {"text", "literal_column"} and is_text(node.args[0])
    return f"{node.func.attr}() of bare SQL" if raw else None


WEIGHT_READERS = {
    "load_file",
    "safe_open",
    "shape_predictor",
    "face_recognition_model_v1",
    "compile_model",
    "read_model",
}
READ_WEIGHTS = {
    "core/modeling/weights_io.py",
    "core/face/detection.py",
    "core/modeling/generator_weights.py",
    "childface/ops/doctor.py",
    "training/reports/second_judge.py",
    "training/trainers/headwear.py",  # labels of drawn faces
    "core/engines/openvino/engine.py",  # graphs that it wrote itself, named by the hashes of the weights
}
"""Where weights are parsed, after `core.modeling.weight_hashes.verified`."""


def parses_weights(node: ast.AST) -> str | None:
    """What reads weights from a path without comparing their hash."""
    if not isinstance(node, ast.Call):
        return None
    reader = node.func.attr if isinstance(node.func, ast.Attribute) else name_of(node.func)
    return reader if reader in WEIGHT_READERS else None


def found(rule: Rule, *paths: Path) -> Iterator[str]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            if (what := rule(node)) is not None:
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {what}"  # type: ignore[attr-defined]


def test_nothing_is_unpickled_anywhere() -> None:
    assert list(found(unpickles, *FILES, *BESIDE)) == []


def test_no_sql_is_put_together_from_pieces() -> None:
    assert list(found(builds_sql, *FILES)) == []


def test_weights_are_parsed_only_where_their_hash_is_compared_first() -> None:
    elsewhere = [path for path in FILES if str(path.relative_to(ROOT)) not in READ_WEIGHTS]
    assert list(found(parses_weights, *elsewhere)) == []


def test_no_bare_sql_outside_of_one_file_and_the_migrations() -> None:
    allowed = {ROOT / name for name in RAW_SQL} | set(files_of("migrations"))
    assert list(found(runs_raw_sql, *[path for path in FILES if path not in allowed])) == []


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (unpickles, "import pickle"),
        (unpickles, "from shelve import open"),
        (unpickles, "torch.load(path)"),
        (unpickles, "torch.load(path, weights_only=False)"),
        (unpickles, "np.load(path, allow_pickle=True)"),
        (unpickles, "np.load(path, allow_pickle=trusted)"),
        (unpickles, "yaml.load(file)"),
        (unpickles, "eval(answer)"),
        (builds_sql, "session.execute(text(f'select {name}'))"),
        (builds_sql, "session.execute(text('select ' + name))"),
        (builds_sql, "session.execute(text('select {}'.format(name)))"),
        (builds_sql, "session.execute(text('select %s' % name))"),
        (builds_sql, "session.execute(text(words))"),
        (builds_sql, "connection.exec_driver_sql(f'drop table {name}')"),
        (parses_weights, "dlib.shape_predictor(str(path))"),
        (parses_weights, "load_file(path)"),
        (runs_raw_sql, "cursor.execute('select 1')"),
        (runs_raw_sql, "raw.cursor().execute('select 1')"),
    ],
)
def test_a_rule_sees_what_breaks_it(rule: Rule, line: str) -> None:
    assert any(rule(node) for node in ast.walk(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path, weights_only=True)",
        "np.load(path)",
        "json.loads(text)",
        "re.compile('a')",
        "session.execute(select(User))",
        "session.execute(text('select :a'), {'a': 1})",
        "connection.exec_driver_sql(f\"PRAGMA a = {'ON' if b else 'OFF'}\")",
        "pen.text((0, 0), words)",
    ],
)
def test_a_rule_lets_the_rest_be(line: str) -> None:
    assert not [node for node in ast.walk(ast.parse(line)) if unpickles(node) or builds_sql(node)]


SECRETIVE = ("storage/encryption/keys.py", "storage/blobs.py", "bots/telegram/webhook.py")
"""Where keys, nonces and secrets are made."""


def test_what_must_not_be_guessed_comes_from_secrets() -> None:
    makers = [ROOT / name for name in SECRETIVE]
    assert [path.name for path in makers if "secrets" not in imports_of(path)] == []
    assert [path.name for path in (*makers, *files_of("storage")) if "random" in imports_of(path)] == []


def test_weights_in_the_repository_are_safetensors() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    kinds = {Path(name).suffix for name in listed.stdout.splitlines()}
    assert ".safetensors" in kinds
    assert not kinds & {".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".h5", ".bin", ".npy", ".onnx"}
