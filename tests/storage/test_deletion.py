"""What leaves when somebody says /delete_my_data."""

import random
import secrets
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.deletion import delete_user
from storage.errors import NotFound
from storage.models import Base
from storage.records import User
from storage.repositories.removal import DeletionReport
from storage.unit import Store
from tests.storage.conftest import HOUR, Furnished

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
    with house.store.view() as unit:
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
    with house.store.view() as unit:
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
