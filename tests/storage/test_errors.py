import inspect
import json

from storage import errors


def all_errors() -> list[type[errors.StorageError]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.StorageError)]


def test_the_tree_at_the_top_of_the_file_names_every_error() -> None:
    assert errors.__doc__ is not None
    for kind in all_errors():
        assert kind.__name__ in errors.__doc__


def test_codes_are_snake_case_and_unique() -> None:
    codes = [kind.code for kind in all_errors()]
    assert len(set(codes)) == len(codes)
    assert errors.PhotoGone.code == "photo_gone"
    assert errors.StorageError.code == "storage_error"


def test_facts_can_be_written_as_json_and_shown() -> None:
    error = errors.NotFound(what="job", id="ab")
    assert json.loads(json.dumps(error.facts())) == {"what": "job", "id": "ab"}
    assert str(error) == "not_found: what=job, id=ab"
    assert str(errors.WrongKey()) == "wrong_key"


def test_a_passing_fault_is_also_an_os_error() -> None:
    assert isinstance(errors.StorageUnavailable(what="read"), OSError)
    assert str(errors.StorageUnavailable(what="read")) == "storage_unavailable: what=read"
