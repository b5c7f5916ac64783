"""What leaves when somebody says /delete_my_data."""

import random
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from storage.blobs import DiskBlobs
from storage.database import BUSY_SECONDS, open_database
from storage.deletion import delete_user, purge_expired
from storage.errors import NotFound
from storage.models import Base
from storage.records import User
from storage.repositories.removal import DeletionReport
from storage.unit_of_work import Store
from tests.storage.conftest import DAY, HOUR, Furnished, TurnableClock

NOTHING = DeletionReport()


def fill(house: Furnished, user: User) -> None:
    """One of everything for one person."""
    mom, dad = house.photo(user, b"mom"), house.photo(user, b"dad")
    house.latent(mom)
    house.done_job(user, mom_photo_id=mom.id, dad_photo_id=dad.id)
    house.job(user, mom_photo_id=mom.id, dad_photo_id=dad.id)
    with house.store.unit() as unit:
        unit.users.save_settings(user.id, age=12.0, language="de")
        unit.conversations.save(user.platform, "chat-1", user.id, {"mom": mom.id})
        unit.commit()


def test_everything_of_a_person_goes_at_once_and_is_counted(house: Furnished) -> None:
    user = house.user()
    fill(house, user)
    report = delete_user(house.store, user.id)
    assert report == DeletionReport(photos=2, latents=1, results=1, jobs=2, conversations=1, settings=1)
    assert house.blob_files() == []
    with house.store.read_only() as unit:
        assert unit.users.find(user.platform, user.platform_user_id) is None
        assert unit.jobs.undelivered(user.platform) == []


def test_deleting_again_finds_nothing(house: Furnished) -> None:
    user = house.user()
    fill(house, user)
    delete_user(house.store, user.id)
    assert delete_user(house.store, user.id) == NOTHING


def test_other_people_keep_what_is_theirs(house: Furnished) -> None:
    anna, ben = house.user("1"), house.user("2")
    fill(house, anna)
    fill(house, ben)
    before = len(house.blob_files())
    delete_user(house.store, anna.id)
    assert len(house.blob_files()) == before // 2
    assert delete_user(house.store, ben.id).photos == 2


def test_who_comes_back_begins_as_a_stranger(house: Furnished) -> None:
    user = house.user()
    fill(house, user)
    delete_user(house.store, user.id)
    again = house.user()
    assert again.id != user.id
    assert (again.age, again.language, again.consent_at) == (None, None, None)


def test_children_that_others_drew_from_my_photo_go_too(house: Furnished) -> None:
    anna, ben = house.user("1"), house.user("2")
    annas, bens = house.photo(anna, b"anna"), house.photo(ben, b"ben")
    parents: dict[str, Any] = {"mom_photo_id": annas.id, "dad_photo_id": bens.id}
    told, untold = house.done_job(ben, **parents), house.done_job(ben, **parents)
    waiting, running = house.job(ben, **parents), house.running_job(ben, **parents)
    bens_own = house.done_job(ben, mom_photo_id=bens.id)
    with house.store.unit() as unit:
        unit.jobs.mark_delivered(told.id)
        unit.commit()

    report = delete_user(house.store, anna.id)

    assert (report.photos, report.results, report.jobs) == (1, 2, 0)
    with house.store.read_only() as unit:
        assert unit.jobs.get(told.id).state == "done"
        for job in (untold, waiting, running):
            ended = unit.jobs.get(job.id)
            assert (ended.state, ended.error_code) == ("failed", "photo_gone")
            assert (ended.result, ended.mom_photo_id, ended.dad_photo_id) == ({}, None, bens.id)
        assert {job.id for job in unit.jobs.undelivered("telegram")} == {
            untold.id,
            waiting.id,
            running.id,
            bens_own.id,
        }
        assert unit.results.for_job(bens_own.id) is not None
        assert unit.photos.data(bens.id) == b"ben"


def test_a_picture_that_another_drew_on_the_last_day_of_a_latent_goes_with_its_parent(
    house: Furnished, clock: TurnableClock
) -> None:
    anna, ben = house.user("1"), house.user("2")
    annas = house.photo(anna, b"anna", ttl=HOUR)
    house.latent(annas, ttl=30 * DAY)
    clock.turn(30 * DAY - HOUR)
    bens = house.photo(ben, b"ben", ttl=HOUR)
    drawn = house.done_job(ben, mom_photo_id=annas.id, dad_photo_id=bens.id, ttl=7 * DAY)
    clock.turn(HOUR)
    purge_expired(house.store)

    assert delete_user(house.store, anna.id).results == 1

    assert house.blob_files() == []
    with house.store.read_only() as unit:
        assert unit.results.for_job(drawn.id) is None
        assert unit.jobs.get(drawn.id).result == {}


def test_what_a_finished_job_tells_of_a_parent_goes_however_late_they_delete(
    house: Furnished, clock: TurnableClock
) -> None:
    anna, ben = house.user("1"), house.user("2")
    annas = house.photo(anna, b"anna", ttl=HOUR)
    drawn = house.done_job(ben, mom_photo_id=annas.id, ttl=HOUR)
    clock.turn(7 * DAY)
    purge_expired(house.store)
    delete_user(house.store, anna.id)
    with house.store.read_only() as unit:
        assert unit.jobs.get(drawn.id).result == {}


def test_the_names_that_another_typed_for_a_person_go_with_them(house: Furnished, folders: list[Path]) -> None:
    anna, ben = house.user("1"), house.user("2")
    annas, bens = house.photo(anna, b"anna"), house.photo(ben, b"ben")
    state = {"mom": {"photo_id": annas.id, "sender": anna.id}, "names": ["typed-for-anna", "Ben"], "stamp": 2}
    own = {"mom": {"photo_id": bens.id, "sender": ben.id}, "names": ["Ben", "nobody"], "stamp": 2}
    card = {"line": "Say", "key": "card", "faces": None, "card": {"mom_name": "typed-for-anna", "dad_name": "Ben"}}
    told = {"line": "Say", "key": "here", "faces": None, "card": None}
    job = house.done_job(ben, mom_photo_id=annas.id, dad_photo_id=bens.id, reply={"user": "2", "lines": [card, told]})
    with house.store.unit() as unit:
        unit.conversations.save("telegram", "group", ben.id, state)
        unit.conversations.save("telegram", "elsewhere", ben.id, own)
        unit.commit()
    delete_user(house.store, anna.id)
    with house.store.read_only() as unit:
        saved = [unit.conversations.get("telegram", chat, ben.id) for chat in ("group", "elsewhere")]
        assert [found.state for found in saved if found] == [{"mom": None, "names": [], "stamp": 2}, own]
        assert unit.jobs.get(job.id).reply == {"user": "2", "lines": [told]}
    if folders == [house.home]:
        assert traces(folders, [b"typed-for-anna"]) == []


def test_a_worker_that_comes_back_late_cannot_bring_anything_back(house: Furnished) -> None:
    user = house.user()
    photo = house.photo(user)
    job = house.running_job(user, mom_photo_id=photo.id)
    delete_user(house.store, user.id)

    with house.store.unit() as unit:
        assert unit.jobs.is_cancel_requested(job.id)
        unit.jobs.report(job.id, "draw", 0.5)
        assert not unit.jobs.finish(job.id, {})
        assert not unit.jobs.retry_later(job.id)
    with pytest.raises(NotFound), house.store.unit() as unit:
        unit.latents.add(user.id, photo.sha256, None, "encoder-1", "fast", b"late", HOUR)
    with pytest.raises(NotFound), house.store.unit() as unit:
        unit.results.add(job.id, b"late", "image/png", 4, 3, HOUR)
    with pytest.raises(NotFound), house.store.unit() as unit:
        unit.photos.forget_data(photo.id)
    assert house.blob_files() == []


def test_a_deletion_that_is_not_committed_deletes_nothing(house: Furnished) -> None:
    user = house.user()
    fill(house, user)
    files = set(house.blob_files())
    with house.store.unit() as unit:
        assert unit.removal.remove_user(user.id) != NOTHING
    assert set(house.blob_files()) == files
    assert delete_user(house.store, user.id).photos == 2


@pytest.fixture
def folders(house: Furnished, request: pytest.FixtureRequest, database_url: str) -> list[Path]:
    """Every folder in which blobs or the database leave bytes."""
    if database_url.startswith("sqlite"):
        return [house.home]
    return [house.home, request.getfixturevalue("postgres_server").home]


def traces(folders: list[Path], words: list[bytes]) -> list[tuple[str, bytes]]:
    """Every place on the disk where one of the words can be read, side files and logs of the database included."""
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    contents = {path.name: path.read_bytes() for path in paths}
    return [(name, word) for name, content in contents.items() for word in words if word in content]


def test_the_bytes_of_a_photo_are_never_on_the_disk_in_plain(house: Furnished, folders: list[Path]) -> None:
    marks = [b"PLAIN-PHOTO-" + secrets.token_hex(16).encode() for _ in range(4)]
    user = house.user()
    photo = house.photo(user, marks[0] * 3000)
    house.latent(photo, marks[1] * 3000)
    house.done_job(user, marks[2] * 3000, mom_photo_id=photo.id)
    with house.store.unit() as unit:
        unit.photos.replace_with_crop(photo.id, marks[3] * 3000)
        unit.commit()
    assert traces(folders, [user.id.encode()]), "the search must be able to find what is there"
    assert traces(folders, marks) == []

    delete_user(house.store, user.id)
    assert traces(folders, marks) == []
    assert house.blob_files() == []


def full_house(house: Furnished) -> tuple[User, list[bytes]]:
    """Somebody with everything, also in other people's rows; words that tell of them."""
    user, ben = house.user("770077007700"), house.user("2")
    photo, bens = house.photo(user, b"hers"), house.photo(ben, b"his")
    house.latent(photo)
    job = house.done_job(user, mom_photo_id=photo.id, wish={"secret": "wish-of-a-person"})
    shown = {"line": "Say", "faces": {"photo_id": photo.id}, "params": {"name": "name-of-a-person"}}
    house.done_job(ben, mom_photo_id=photo.id, dad_photo_id=bens.id, reply={"user": "2", "lines": [shown]})
    hers = {"photo_id": photo.id, "sha256": photo.sha256, "sender": user.id, "name": "name-of-a-person"}
    with house.store.unit() as unit:
        unit.users.agree(user.id, "1:agreed-by-a-person")
        unit.conversations.save("telegram", "chat-of-a-person", user.id, {"x": "state-of-a-person"})
        unit.conversations.save("telegram", "group", ben.id, {"mom": hers, "parked": []})
        unit.conversations.save("telegram", "list", ben.id, {"rounds": [{"owner": user.id, "wants": ["dad"]}]})
        unit.commit()
    words = ["770077007700", "1:agreed-by-a-person", "chat-of-a-person", "state-of-a-person", "wish-of-a-person"]
    words += ["name-of-a-person", user.id, photo.id, photo.sha256, job.id]
    return user, [word.encode() for word in words]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_after_deletion_no_file_of_sqlite_remembers_the_person(house: Furnished, folders: list[Path]) -> None:
    user, words = full_house(house)
    assert {word for _, word in traces(folders, words)} == set(words)

    delete_user(house.store, user.id)
    assert traces(folders, words) == []


@contextmanager
def somebody_reads(house: Furnished) -> Iterator[None]:
    """As a backup or a shell does: an older state of the database stays in use."""
    reader = house.store.database.reader_factory()
    reader.execute(text("SELECT count(*) FROM users")).all()
    try:
        yield
    finally:
        reader.rollback()
        reader.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reader_does_not_hold_up_a_deletion_and_afterwards_no_file_remembers_the_person(
    house: Furnished, folders: list[Path]
) -> None:
    user, words = full_house(house)
    house.store.database.scrub()
    with somebody_reads(house):
        deleting = threading.Thread(target=delete_user, args=(house.store, user.id), daemon=True)
        deleting.start()
        deleting.join(BUSY_SECONDS / 2)
        assert not deleting.is_alive(), "it waits for the reader"
        with house.store.read_only() as unit:
            assert unit.users.find(user.platform, user.platform_user_id) is None
        assert not house.store.database.scrub(), "the checkpoint's answer must be heeded"
        assert traces(folders, words) != [], "what docs/privacy.md says of readers would not be true"
    assert house.store.database.scrub()
    assert traces(folders, words) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_emptying_the_write_ahead_file_leaves_a_connection_as_patient_as_it_was(house: Furnished) -> None:
    house.store.database.scrub()
    with house.store.database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA busy_timeout")).scalar_one() == BUSY_SECONDS * 1000


@pytest.mark.servers
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_after_deletion_no_row_of_postgresql_remembers_the_person_and_after_vacuum_no_table_file(
    house: Furnished, folders: list[Path]
) -> None:
    user, words = full_house(house)
    assert set(words_in_rows(house.store, words)) == set(words)

    delete_user(house.store, user.id)
    assert words_in_rows(house.store, words) == []
    with house.store.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM FULL")
        connection.exec_driver_sql("CHECKPOINT")
    # What the journal (pg_wal) still holds until its files are used again: docs/privacy.md tells.
    tables = [folder / "base" for folder in folders[-1].rglob("*") if (folder / "PG_VERSION").is_file()]
    assert tables
    assert traces([*folders[:1], *tables], words) == []


def words_in_rows(store: Store, words: list[bytes]) -> list[bytes]:
    """Those of the words that stand anywhere in any table."""
    with store.database.engine.connect() as connection:
        tables = Base.metadata.sorted_tables
        rows = [str(tuple(row)) for table in tables for row in connection.execute(select(table))]
    return [word for word in words if any(word.decode() in row for row in rows)]


def test_an_unknown_person_has_nothing_to_delete(store: Store) -> None:
    assert delete_user(store, "0" * 32) == NOTHING


def test_sqlite_keeps_no_copy_of_a_row_that_once_stood_on_another_page(sqlite_url: str, tmp_path: Path) -> None:
    """Pages that are split and joined keep copies of moved cells, which secure_delete does not overwrite."""
    database = open_database(sqlite_url)
    store = Store(database, DiskBlobs(tmp_path / "blobs", [b"k" * 32]))
    chance = random.Random(1)
    left = []
    for turn in range(25):
        with store.unit() as unit:
            people = [unit.users.get_or_add("telegram", f"{turn}-{number}").id for number in range(6)]
            unit.commit()
        for _ in range(40):
            person, chat = chance.choice(people), chance.choice("abc")
            with store.unit() as unit:
                unit.conversations.forget("telegram", chat, person)
                unit.conversations.save("telegram", chat, person, {"words": person + "x" * chance.randrange(100, 2500)})
                unit.commit()
        for person in people:
            delete_user(store, person)
            left += [path.name for path in tmp_path.glob("*.sqlite3*") if person.encode() in path.read_bytes()]
    database.close()
    assert left == []
