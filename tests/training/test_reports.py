"""The reports run on a folder of drawn portraits and say what a stranger would check by hand."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from core.pipeline import ChildPipeline
from training.cli import app
from training.data.photo_groups import cheek_lightness, hard_copies, read_groups
from training.reports.identity import Judge, Measured, ReportSettings, identity_report
from training.reports.plots import plot_log, read_log
from training.reports.projection import ROWS, Row, bench_projection

DRAWN = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def judge(weights_dir: Path) -> Judge:
    return Judge(ChildPipeline.load(weights_dir))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawn portraits and a picture of nothing."""
    folder = tmp_path_factory.mktemp("portraits")
    for name in ("woman", "glasses"):
        (folder / f"{name}.jpg").write_bytes((DRAWN / f"drawn_{name}.jpg").read_bytes())
    Image.new("RGB", (256, 256), "grey").save(folder / "zzz.png")
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "glasses"], ["woman.jpg", "NoGlasses"], ["glasses.jpg", "ReadingGlasses"]])
    return folder


def test_the_report_measures_both_ways_groups_and_copies(judge: Judge, folder: Path, tmp_path: Path) -> None:
    settings = ReportSettings(refine=True, seconds=0.0, hard=True)
    report = identity_report(judge, folder, settings, sheet=tmp_path / "sheet.png")
    assert (report["photos"], report["no_face"]) == (3, 1)
    for way in ("fast", "refined"):
        figures = report[way]
        assert 0 < figures["dlib_distance"]["median"] <= figures["dlib_distance"]["p90"] < 0.9
        assert 0 < figures["ms_ssim"]["median"] < 1
        assert figures["aged_distance"]["median"] > figures["dlib_distance"]["median"] / 2
        assert figures["aged_years_off"]["p90"] < 20
        rows = report["groups"][way]
        assert rows["glasses"]["photos"] == 1
        assert rows["black and white"]["photos"] == 2
        assert rows["100-px faces"]["ratio"] > 0
    assert "lpips" not in report["fast"]
    json.dumps(report)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size[1] == 256


def test_ratios_are_told_from_ordinary_photos_alone() -> None:
    measured = Measured(dlib_distance=[0.4, 0.6], groups={"hats": [0.75]})
    assert measured.group_rows() == {"hats": {"photos": 1, "median": 0.75, "ratio": 1.5}}


def test_groups_come_from_labels_and_from_ones_own_file(folder: Path, tmp_path: Path) -> None:
    more = tmp_path / "groups.csv"
    more.write_text("file,group\nwoman.jpg,hats\nglasses.jpg,beards\n")
    assert read_groups(folder, more) == {"glasses.jpg": ("glasses", "beards"), "woman.jpg": ("hats",)}
    assert read_groups(tmp_path) == {}


def test_hard_copies_are_grey_and_small() -> None:
    grey, small = hard_copies("woman", (DRAWN / "drawn_woman.jpg").read_bytes())
    with Image.open(_file(grey.data)) as picture:
        r, g, b = (np.asarray(picture.convert("RGB"), np.int16)[..., i] for i in range(3))
        assert max(np.abs(r - g).max(), np.abs(g - b).max()) <= 2
    with Image.open(_file(small.data)) as picture:
        assert max(picture.size) == 100


def _file(data: bytes) -> io.BytesIO:
    return io.BytesIO(data)


def test_dark_and_light_cheeks_are_told_apart() -> None:
    light, dark = np.full((256, 256, 3), 200, np.uint8), np.full((256, 256, 3), 70, np.uint8)
    assert cheek_lightness(dark) < 45 < cheek_lightness(light)


ONE_STEP = (ROWS[0], Row("start: oracle", start="oracle"), Row("loss: pixel", changes={"weights": {"pixel": 1.0}}))


@pytest.fixture
def portrait(folder: Path, tmp_path: Path) -> Path:
    portraits = tmp_path / "portraits"
    portraits.mkdir()
    (portraits / "woman.jpg").write_bytes((folder / "woman.jpg").read_bytes())
    return portraits


def test_the_bench_compares_rows_and_goes_on_where_it_stopped(judge: Judge, portrait: Path, tmp_path: Path) -> None:
    table = tmp_path / "bench" / "table.csv"
    first = list(bench_projection(judge, portrait, most=1, steps=1, seconds=60, rows=ONE_STEP[:2], out=table))
    assert [one.row for one in first] == ["start: mean face", "start: oracle"]
    assert first[0].dlib_distance > first[1].dlib_distance, "a mean face is nobody"
    assert all(one.steps == 1 and one.photos == 1 for one in first)
    again = list(bench_projection(judge, portrait, most=1, steps=1, seconds=60, rows=ONE_STEP, out=table))
    assert again[:2] == first
    assert len(table.read_text().splitlines()) == 4


def test_a_plot_of_a_run_that_went_on_is_one_curve(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines = [{"settings": {}}, {"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.5}, {"step": 2, "loss": 2.0}]
    log.write_text("\n".join(json.dumps(line) for line in lines))
    assert read_log(log) == {"loss": [(1, 3.0), (2, 2.0)]}
    plot_log(log, tmp_path / "log.png")
    with Image.open(tmp_path / "log.png") as picture:
        assert picture.size[0] > 100


def test_the_command_line_plots_and_names_what_it_does_not_know(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"step": 1, "loss": 3.0}\n{"step": 2, "loss": 2.0}\n')
    runner = CliRunner()
    good = runner.invoke(app, ["plot", str(log), "--figure", "loss", "-o", str(tmp_path / "a.png")])
    assert good.exit_code == 0, good.output
    bad = runner.invoke(app, ["plot", str(log), "--figure", "nothing", "-o", str(tmp_path / "b.png")])
    assert bad.exit_code == 2
    assert "nothing" in bad.output
