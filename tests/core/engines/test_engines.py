"""All engines draw the same faces, keep calls apart, and the one that suits the machine is chosen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core.domain.errors import MissingWeights, SettingError
from core.engines import benchmark_cache, selection
from core.engines.compiled import CompiledEngine, can_compile
from core.engines.eager import TorchEngine
from core.engines.networks import Networks
from core.engines.openvino import engine as openvino_engine
from core.engines.openvino.engine import OpenVinoEngine, has_bfloat16, shared_core
from core.engines.protocol import Engine
from core.face.age_estimator import AgeEstimate, pooled_features
from core.face.analyzer import FaceAnalysis, FaceAnalyzer
from core.face.recognition import identity_chip
from core.face.skin_tone import skin_of_drawing
from core.modeling.registry import Models
from core.modeling.weights_io import SHIPPED
from core.photo.nsfw import network_input
from core.runtime.tensors import shrink

LEVELS = {"torch": 1, "compiled": 1, "openvino": 1, "openvino bfloat16": 32}
"""The largest difference of a byte from torch in float32; rounding itself may move one level."""

MEAN = {"torch": 0.01, "compiled": 0.01, "openvino": 0.01, "openvino bfloat16": 0.5}
"""The mean difference, in levels."""

SEEN = {"torch": 1e-3, "compiled": 1e-3, "openvino": 1e-3, "openvino bfloat16": 0.03}
"""The largest distance of a descriptor from torch's; between preview and drawing of one face lie 0.12."""

YEARS = {"torch": 0.01, "compiled": 0.01, "openvino": 0.01, "openvino bfloat16": 0.5}
"""The largest difference of an age; between preview and drawing of one face lie 0.5, half of the time more."""


@pytest.fixture(scope="module")
def models(weights_dir: Path) -> Models:
    return Models(weights_dir)


@pytest.fixture(scope="module")
def networks(models: Models) -> Networks:
    return models.networks()


@pytest.fixture(scope="module")
def latents(models: Models) -> Tensor:
    """Three people, the last one with a style of their own in every input."""
    drawn = models.generator.sample(3 + 23, truncation=0.8, generator=torch.Generator().manual_seed(5))
    own = 0.5 * drawn[2] + 0.5 * drawn[3:, 0]
    return torch.cat([drawn[:2], own[None]])


@pytest.fixture(scope="module", params=["torch", "openvino", "openvino bfloat16"])
def engine(request: pytest.FixtureRequest, networks: Networks) -> Iterator[Engine]:
    if request.param == "torch":
        yield TorchEngine(networks)
        return
    rounds = request.param != "openvino"
    if rounds and not has_bfloat16(shared_core()):
        pytest.skip("this processor has no bfloat16")
    yield OpenVinoEngine(networks, threads=2, bfloat16=rounds)


def kind_of(engine: Engine) -> str:
    rounds = isinstance(engine, OpenVinoEngine) and engine.bfloat16
    return "openvino bfloat16" if rounds else engine.name


def off(drawn: np.ndarray, exact: Tensor) -> tuple[int, float]:
    """Largest and mean difference in levels from pictures in [-1, 1]."""
    levels = exact.clamp(-1, 1).add(1).mul(127.5).round().permute(0, 2, 3, 1).numpy()
    gap = np.abs(drawn.astype(np.float32) - levels)
    return int(gap.max()), float(gap.mean())


@pytest.mark.parametrize("size", [256, 512, 1024])
def test_every_engine_draws_the_same_faces(engine: Engine, networks: Networks, latents: Tensor, size: int) -> None:
    for latent in latents.split(1):
        with torch.inference_mode():
            exact = networks.synthesis(latent)
        drawn = engine.draw(latent, size=size)
        assert drawn.pictures.shape == (1, size, size, 3)
        assert drawn.pictures.dtype == np.uint8
        most, mean = off(drawn.pictures, torch.nn.functional.adaptive_avg_pool2d(exact, size))
        assert most <= LEVELS[kind_of(engine)]
        assert mean < MEAN[kind_of(engine)]
        assert (drawn.faces - shrink(exact)).abs().max() * 127.5 <= LEVELS[kind_of(engine)]


def test_every_engine_shows_the_same_preview_and_the_same_part_of_it(
    engine: Engine, networks: Networks, latents: Tensor
) -> None:
    with torch.inference_mode():
        exact = networks.preview(latents[:1]).clamp(-1, 1)
    rounding = LEVELS[kind_of(engine)] / 127.5
    torch.testing.assert_close(engine.preview(latents[:1]), exact, rtol=0, atol=rounding)
    cut = engine.face(latents[:1])
    assert cut.shape == (1, 3, 192, 192)
    torch.testing.assert_close(cut[..., 6:-6, 6:-6], exact[..., 62:242, 38:218], rtol=0, atol=0.02 + rounding)


def test_every_engine_sees_the_same_person(engine: Engine, models: Models, networks: Networks, latents: Tensor) -> None:
    with torch.inference_mode():
        faces = networks.preview(latents[:2]).clamp(-1, 1)
        encoded, described = networks.encoder(faces), networks.identity(identity_chip(faces))
        pooled = pooled_features(networks.identity, faces)
    seen, years = SEEN[kind_of(engine)], YEARS[kind_of(engine)]
    judged = engine.extract_features(identity_chip(faces))
    assert (judged.descriptors - described).norm(dim=1).max() < seen
    assert (judged.pooled - pooled).abs().mean() < seen
    torch.testing.assert_close(engine.encode(faces[:1]), encoded[:1], rtol=0, atol=1e-3)
    analyzer = FaceAnalyzer(engine, models.age_head)
    exactly = FaceAnalyzer(TorchEngine(networks), models.age_head).estimate(faces[:1])
    assert analyzer.see(latents[:1]).age == pytest.approx(exactly.age, abs=years)
    assert np.abs(analyzer.see(latents[:1]).skin - skin_of_drawing(faces[:1])).max() < 1.5
    assert (analyzer.descriptor_of_latent(latents[:1]) - described[:1]).norm() < seen


def test_rounding_moves_what_is_seen_less_than_drawing_in_full_does(networks: Networks, models: Models) -> None:
    """So much less that nothing is decided otherwise: previews stand for drawings, and differ from them anyway."""
    if not has_bfloat16(shared_core()):
        pytest.skip("this processor has no bfloat16")
    exact, rounding = (OpenVinoEngine(networks, threads=2, bfloat16=rounds) for rounds in (False, True))
    people = models.generator.sample(12, truncation=0.8, generator=torch.Generator().manual_seed(6)).split(1)
    eyes = [FaceAnalyzer(engine, models.age_head) for engine in (exact, rounding)]
    looks = [[(seen.descriptor, seen) for seen in map(eye.see, people)] for eye in eyes]
    drawn = [eyes[0].look(exact.draw(latent, size=512).faces) for latent in people]
    by_rounding, by_drawing = (gaps(looks[0], others) for others in (looks[1], drawn))
    assert (by_rounding < 0.25 * by_drawing).all(), (by_rounding, by_drawing)


Seen = AgeEstimate | FaceAnalysis


def gaps(some: Sequence[tuple[Tensor, Seen]], others: Sequence[tuple[Tensor, Seen]]) -> np.ndarray:
    """Medians of the distances of descriptors and of the differences in years."""
    pairs = list(zip(some, others, strict=True))
    return np.median([[float((a - b).norm()), abs(one.age - other.age)] for (a, one), (b, other) in pairs], axis=0)


def test_every_engine_judges_decency_alike(engine: Engine, networks: Networks, safety_dir: Path) -> None:
    picture = network_input(np.random.default_rng(1).integers(0, 255, (90, 120, 3), np.uint8))
    assert networks.safety is not None
    with torch.inference_mode():
        torch.testing.assert_close(engine.nsfw_logits(picture), networks.safety(picture), rtol=1e-3, atol=1e-3)


def test_a_batch_is_drawn_as_its_members_are(engine: Engine, latents: Tensor) -> None:
    both = engine.draw(latents[:2], size=512).pictures
    for latent, picture in zip(latents[:2].split(1), both, strict=True):
        alone = engine.draw(latent, size=512).pictures[0]
        assert np.abs(alone.astype(int) - picture).max() <= LEVELS[kind_of(engine)]


def test_a_face_that_was_looked_at_is_not_taken_for_the_next_one(engine: Engine, latents: Tensor) -> None:
    """What an engine keeps of the last face, so that drawing it costs less, belongs to that face alone."""
    alone = [engine.draw(latent, size=512).pictures for latent in latents.split(1)]
    engine.face(latents[:1])
    assert np.array_equal(engine.draw(latents[1:2], size=512).pictures, alone[1])
    assert np.array_equal(engine.draw(latents[1:2], size=512).pictures, alone[1])
    engine.face(latents[:1])
    assert np.array_equal(engine.draw(latents[:1], size=512).pictures, alone[0])


def test_calls_of_several_threads_do_not_mix(engine: Engine, latents: Tensor) -> None:
    alone = [engine.draw(latent, size=256).pictures for latent in latents.split(1)]
    with ThreadPoolExecutor(3) as threads:
        again = list(threads.map(lambda i: engine.draw(latents[i : i + 1], size=256).pictures, [0, 1, 2] * 3))
    for i, picture in enumerate(again):
        assert np.array_equal(picture, alone[i % 3])


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="there is no C++ compiler")
@pytest.mark.filterwarnings("default")  # torch's compiler warns about itself
def test_the_compiled_engine_draws_the_same_faces(networks: Networks, latents: Tensor) -> None:
    with torch.inference_mode():
        exact = networks.synthesis(latents[:1])
    most, _ = off(CompiledEngine(networks).draw(latents[:1], size=1024).pictures, exact)
    assert most <= LEVELS["compiled"]


# ---- graphs on disk -------------------------------------------------------------------------------------------


def test_graphs_are_written_once_and_those_go_that_nobody_used_for_long(
    networks: Networks, latents: Tensor, tmp_path: Path
) -> None:
    loads: list[int] = []

    def load() -> Networks:
        loads.append(1)
        return networks

    old = openvino_engine.export(load, openvino_engine.graphs_folder(tmp_path, "old"))
    folder = openvino_engine.graphs_folder(tmp_path, "new")
    assert openvino_engine.export(load, folder) == openvino_engine.export(load, folder) == folder
    assert len(loads) == 2, "one for each of both weights"
    assert old.exists(), "another version may be running"
    os.utime(old, (0, 0))
    shutil.rmtree(folder)
    openvino_engine.export(load, folder)
    assert not old.exists()
    read = OpenVinoEngine(folder, threads=1).draw(latents[:1], size=512).pictures
    written = OpenVinoEngine(networks, threads=1).draw(latents[:1], size=512).pictures
    assert np.array_equal(read, written)


def test_what_is_compiled_beforehand_draws_the_same(networks: Networks, latents: Tensor, tmp_path: Path) -> None:
    folder = openvino_engine.export(lambda: networks, openvino_engine.graphs_folder(tmp_path, "new"))
    early, late = OpenVinoEngine(folder, threads=1), OpenVinoEngine(folder, threads=1)
    early.prepare()
    with ThreadPoolExecutor(2) as threads:  # while it is being prepared, and by two who want the same graphs
        drawn = list(threads.map(lambda _: early.draw(latents[:1], size=1024).pictures, range(2)))
    assert np.array_equal(drawn[0], drawn[1])
    assert np.array_equal(drawn[0], late.draw(latents[:1], size=1024).pictures)


def test_a_process_that_ends_does_not_wait_for_graphs(models: Models) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom core.engines import selection\n"
        "from core.engines.openvino import engine as openvino_engine\n"
        "from core.modeling.registry import Models\n"
        "openvino_engine.OpenVinoEngine._compiled = lambda *_: print('compiled', flush=True) or time.sleep(1)\n"
        "selection.load_engine(Models(Path(sys.argv[1])), 'openvino')\n"
    )
    command = [sys.executable, "-c", script, str(models.weights)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.split().count("compiled") <= 2, "of seven"


def test_a_process_that_ends_waits_for_the_graph_at_hand_whoever_asked_for_it(models: Models) -> None:
    """A thread that comes back from OpenVINO into a Python that is being taken down aborts the process."""
    script = (
        "import sys, threading, time\nfrom pathlib import Path\nfrom core.engines import selection\n"
        "from core.engines.openvino import engine as openvino_engine\n"
        "from core.modeling.registry import Models\n"
        "openvino_engine.OpenVinoEngine._compiled = lambda *_: time.sleep(1) or print('compiled', flush=True)\n"
        "load = lambda: selection.load_engine(Models(Path(sys.argv[1])), 'openvino')\n"
        "threading.Thread(target=load, daemon=True).start()\n"
        "while 'graphs' not in [thread.name for thread in threading.enumerate()]:\n    time.sleep(0.01)\n"
    )
    command = [sys.executable, "-c", script, str(models.weights)]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0 and "compiled" in told.stdout


@pytest.mark.parametrize("where", ["", "Thread(target=drop).start()"], ids=["main thread", "another thread"])
def test_a_signal_is_survived_wherever_the_last_engine_ended(models: Models, where: str) -> None:
    """Python's handlers run on the stack for signals, which OpenVINO replaces. Time limits of tasks are signals."""
    script = (
        "import gc, os, signal, sys, threading\nfrom pathlib import Path\nfrom threading import Thread\n"
        "from core.engines import selection\nfrom core.modeling.registry import Models\n"
        "signal.signal(signal.SIGALRM, lambda *_: print('heard', flush=True))\n"
        "engines = [selection.load_engine(Models(Path(sys.argv[1])), 'openvino')]\n"
        "def drop():\n    engines.clear()\n    gc.collect()\n"
        f"{where or 'drop()'}\n"
        "for thread in threading.enumerate()[1:]:\n    thread.join()\n"
        "gc.collect()\nos.kill(os.getpid(), signal.SIGALRM)\n"
    )
    told = subprocess.run([sys.executable, "-c", script, str(models.weights)], capture_output=True, text=True)
    assert (told.returncode, told.stdout) == (0, "heard\n")


def test_a_newer_version_may_delete_the_graphs_of_one_that_runs(
    networks: Networks, latents: Tensor, tmp_path: Path
) -> None:
    folder = openvino_engine.export(lambda: networks, openvino_engine.graphs_folder(tmp_path, "old"))
    running = OpenVinoEngine(folder, threads=1)
    os.utime(folder, (0, 0))
    openvino_engine.export(lambda: networks, openvino_engine.graphs_folder(tmp_path, "new"))
    assert not folder.exists()
    assert running.draw(latents[:1], size=512).pictures.any()


def test_other_weights_ask_for_other_graphs(models: Models, tmp_path: Path) -> None:
    for path in SHIPPED.glob("*.safetensors"):
        (tmp_path / path.name).symlink_to(path)
    twin = Models(models.weights, tmp_path)
    before = selection.weights_version(twin)
    assert before == selection.weights_version(models)
    (tmp_path / "preview.safetensors").unlink()
    (tmp_path / "preview.safetensors").write_bytes(b"another")
    assert selection.weights_version(twin) != before


def test_a_folder_that_cannot_be_written_is_no_obstacle(
    models: Models, latents: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(openvino_engine, "export", full)
    assert selection.load_engine(models, "openvino").draw(latents[:1], size=256).pictures.any()


def test_nobody_is_told_that_openvino_was_imported() -> None:
    """Its telemetry writes to Google Analytics on every import, unless it cannot be imported itself."""
    script = (
        "import sys\nfrom core.engines.openvino.engine import runtime\nruntime()\n"
        "print(any(name.startswith('openvino_telemetry') and sys.modules[name] for name in sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


# ---- which one ------------------------------------------------------------------------------------------------


def test_without_a_measurement_the_likeliest_engine_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert selection.choose(tmp_path) == "openvino"
    monkeypatch.setattr(openvino_engine, "is_installed", lambda: False)
    assert selection.choose(tmp_path) == "torch"


def test_a_measurement_counts_on_the_machine_where_it_was_made(tmp_path: Path) -> None:
    benchmark_cache.remember(tmp_path, "torch")
    assert selection.choose(tmp_path) == "torch"
    kept = json.loads((tmp_path / benchmark_cache.REMEMBERED).read_text())
    kept["measured_on"]["processor"] = "another"
    (tmp_path / benchmark_cache.REMEMBERED).write_text(json.dumps(kept))
    assert selection.choose(tmp_path) == "openvino"
    (tmp_path / benchmark_cache.REMEMBERED).write_text("[]")
    assert selection.choose(tmp_path) == "openvino"


def test_an_engine_that_cannot_run_here_is_a_wrong_setting(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_engine, "is_installed", lambda: False)
    with pytest.raises(SettingError):
        selection.load_engine(models, "openvino")
    assert isinstance(selection.load_engine(models, "auto"), TorchEngine)


def test_the_first_missing_file_is_named(models: Models, tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        Models(tmp_path).require_files(safety=False)
    models.require_files(safety=False)
