from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from childface import weights
from childface.bootstrap import open_store
from storage import migrate
from tests.childface.conftest import Terminal
from tests.support.servers import RedisServer


@pytest.fixture
def good_weights(terminal: Terminal, weights_dir: Path) -> None:
    terminal.change(weights_dir=weights_dir)


def states(terminal: Terminal, *names: str) -> dict[str, str]:
    checks = terminal.run("doctor", "--json").json_of_a_failure()["checks"]
    return {check["name"]: check["state"] for check in checks if check["name"] in names}


def test_doctor_is_content_with_a_fresh_set_up(terminal: Terminal, good_weights: None) -> None:
    checks = terminal.run("doctor", "--json").json_of_a_failure()["checks"]

    bad = [check["name"] for check in checks if check["state"] == "bad"]
    assert bad in ([], ["weights of our own"])
    assert not (terminal.home / "data").exists()  # looking changes nothing


def test_doctor_says_what_is_missing_and_how_to_mend_it(terminal: Terminal) -> None:
    run = terminal.run("doctor")

    assert run.code == 3
    assert f"missing (random-face==2021.7.21.1) in {terminal.home}/weights  → childface weights fetch" in run.out
    assert "TELEGRAM_TOKEN: not set" in run.out
    assert run.err.count("\n") == 1


def test_doctor_sees_an_old_database(terminal: Terminal) -> None:
    (terminal.home / "data").mkdir()
    (terminal.home / "data" / "childface.sqlite3").touch()

    assert states(terminal, "database") == {"database": "bad"}
    terminal.run("db", "upgrade")
    assert states(terminal, "database") == {"database": "good"}


def test_doctor_sees_a_key_that_others_may_read_or_that_is_none(terminal: Terminal) -> None:
    open_store(terminal.settings).database.close()
    key = terminal.settings.key_path
    assert states(terminal, "key") == {"key": "good"}

    key.chmod(0o644)
    assert states(terminal, "key") == {"key": "bad"}
    key.chmod(0o600)
    key.write_text("no key")
    assert states(terminal, "key") == {"key": "bad"}


def test_doctor_says_behind_which_fences_photos_are_opened(terminal: Terminal) -> None:
    assert (
        "photos: opened in a process of their own behind: limits, no_new_privs, seccomp" in terminal.run("doctor").out
    )
    terminal.change(photo_processes=0)
    assert states(terminal, "photos") == {"photos": "note"}


def test_doctor_never_shows_a_token_or_password(terminal: Terminal) -> None:
    terminal.change(
        telegram_token="123:very-secret",
        broker_url="redis://:very-secret@127.0.0.1:1/0",
        database_url="postgresql://me:very-secret@127.0.0.1:1/x",
    )
    run = terminal.run("doctor")

    assert "very-secret" not in run.out + run.err
    assert "good  TELEGRAM_TOKEN: set" in run.out
    assert "bad   broker" in run.out and "bad   database" in run.out


@pytest.mark.servers
def test_doctor_finds_servers_that_answer(terminal: Terminal, postgres_url: str, redis_server: RedisServer) -> None:
    terminal.change(broker_url=redis_server.url(), database_url=postgres_url)

    assert states(terminal, "broker", "database") == {"broker": "good", "database": "good"}


def test_db_upgrade_brings_an_empty_database_to_the_newest_tables(terminal: Terminal) -> None:
    run = terminal.run("db", "upgrade")

    assert run.out == f"tables of {migrate.newest()}\n"
    assert terminal.run("db", "upgrade").code == 0


def test_db_purge_deletes_what_has_expired(terminal: Terminal) -> None:
    terminal.run("db", "upgrade")
    store = open_store(terminal.settings)
    with store.unit() as unit:
        user = unit.users.get_or_add("console", "1")
        unit.photos.add(user.id, b"a photo", timedelta(seconds=-1))
        unit.commit()
    store.database.close()

    assert terminal.run("db", "purge", "--json").json["photos"] == 1
    assert terminal.run("db", "purge").out.startswith("removed: 0 photos")


def test_db_purge_without_tables_says_what_to_do(terminal: Terminal) -> None:
    terminal.run("db", "purge").refuses(3, "childface db upgrade")


def test_weights_verify_ends_with_three_when_something_is_missing(terminal: Terminal) -> None:
    run = terminal.run("weights", "verify")

    assert (run.code, run.out.count("missing")) == (3, len(["generator", "landmarks", "descriptor", "open-nsfw"]))
    assert "childface weights fetch" in run.err


def test_weights_verify_prints_one_object(terminal: Terminal, good_weights: None) -> None:
    found = terminal.run("weights", "verify", "--json").json

    assert found["ok"] and {file["state"] for file in found["files"]} == {"good"}


def test_weights_fetch_offline_is_refused_kindly(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(terminal.home))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)

    run = terminal.run("weights", "fetch")

    assert (run.code, run.out) == (3, "")
    assert run.err.splitlines()[-1].startswith(
        "childface: could not fetch random-face==2021.7.21.1: is this machine online"
    )


def test_weights_fetch_of_what_is_there_prints_the_folder(terminal: Terminal, good_weights: None) -> None:
    assert terminal.run("weights", "fetch").out == f"{terminal.settings.weights_dir}\n"
    assert json.loads((terminal.settings.weights_dir / weights.MANIFEST).read_text())


CONTEXT = "photo original anna 1"


def test_the_key_is_changed_and_what_was_kept_can_still_be_read(terminal: Terminal) -> None:
    terminal.run("db", "upgrade")
    store = open_store(terminal.settings)
    blob = store.blobs.put(b"a photo", CONTEXT)
    before = terminal.settings.key_path.read_bytes()

    run = terminal.run("db", "rotate-key", "--json")

    assert run.code == 0 and run.json == {"reencrypted": 1, "unreadable": 0, "resumed": False}
    assert terminal.settings.key_path.read_bytes() != before
    assert store.blobs.get(blob, CONTEXT) == b"a photo"
    store.database.close()


def used_before(terminal: Terminal) -> None:
    """A key that encrypted something."""
    terminal.run("db", "upgrade")
    store = open_store(terminal.settings)
    store.blobs.put(b"a photo", CONTEXT)
    store.database.close()


def test_a_lost_key_is_not_replaced(terminal: Terminal) -> None:
    used_before(terminal)
    terminal.settings.key_path.unlink()

    terminal.run("db", "purge").refuses(3, f"key file {terminal.settings.key_path} is missing", "from a backup")
    assert not terminal.settings.key_path.exists()


def test_a_key_of_which_only_rows_are_left_is_not_replaced_either(terminal: Terminal) -> None:
    terminal.run("db", "upgrade")
    store = open_store(terminal.settings)
    with store.unit() as unit:
        unit.inbox.keep("telegram:1", 1, b"words that wait for an answer")
        unit.commit()
    store.database.close()
    terminal.settings.key_path.unlink()

    terminal.run("db", "purge").refuses(3, "is missing", "from a backup")


@pytest.mark.parametrize("command", ["purge", "rotate-key"])
def test_a_key_that_others_may_read_is_refused(terminal: Terminal, command: str) -> None:
    used_before(terminal)
    before = terminal.settings.key_path.read_bytes()
    terminal.settings.key_path.chmod(0o644)

    terminal.run("db", command).refuses(3, f"chmod 600 {terminal.settings.key_path}", "644")
    assert terminal.settings.key_path.read_bytes() == before


@pytest.mark.parametrize("command", [("db", "upgrade"), ("db", "purge"), ("status",)], ids=" ".join)
def test_a_damaged_database_says_so_and_what_to_do(terminal: Terminal, command: tuple[str, ...]) -> None:
    terminal.settings.data_dir.mkdir()
    path = Path(terminal.settings.database_url.removeprefix("sqlite:///"))
    path.write_bytes(b"no database at all" * 1000)

    terminal.run(*command).refuses(3, f"{path} is damaged", "from a backup", ".recover")


def test_a_data_folder_that_cannot_be_used_is_named(terminal: Terminal) -> None:
    terminal.settings.data_dir.write_text("in the way")
    terminal.run("db", "upgrade").refuses(3, f"folder {terminal.settings.data_dir} cannot be used", "file exists")


def test_where_there_is_no_key_there_is_nothing_to_change(terminal: Terminal) -> None:
    terminal.settings.data_dir.mkdir()
    terminal.run("db", "rotate-key").refuses(3, "holds no key")


def test_tables_go_back_to_what_an_older_version_wants_and_up_again(terminal: Terminal) -> None:
    terminal.run("db", "upgrade")
    older = migrate.revisions()[1]

    assert terminal.run("db", "downgrade", older).out == f"tables of {older}\n"
    terminal.change(telegram_token="1:a", broker_url="redis://127.0.0.1:1")
    terminal.run("bot", "telegram").refuses(3, f"tables of {older}", "childface db upgrade")
    assert terminal.run("db", "upgrade").out == f"tables of {migrate.newest()}\n"


@pytest.mark.parametrize("revision", ["base", "9999", "0003; DROP TABLE users"])
def test_only_an_older_revision_can_be_gone_back_to(terminal: Terminal, revision: str) -> None:
    terminal.run("db", "upgrade")

    terminal.run("db", "downgrade", revision).refuses(2, "there is no way")
    assert migrate.current(terminal.settings.database_url) == migrate.newest()
