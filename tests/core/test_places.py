from __future__ import annotations

from pathlib import Path

import pytest

from cellquery.core import InputError, SettingsError
from cellquery.core.durable import replacing, write_json
from cellquery.core.places import local_path, on_disk, path_or_url


def test_words_are_paths_and_urls_are_urls(tmp_path: Path) -> None:
    assert path_or_url("cells/hep2") == Path("cells/hep2")
    assert path_or_url(f"file://{tmp_path}") == tmp_path
    assert path_or_url(tmp_path) is tmp_path
    assert str(path_or_url("memory://cells/hep2") / "images") == "memory://cells/hep2/images"


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("gs://cells", r"gs://cells: .*gcsfs.*; pip install it beside cellquery"),
        ("cloud9://cells", r"Unsupported filesystem: 'cloud9'; give a folder or a URL such as s3"),
        ("simplecache::s3://cells", "is a chain of URLs; give the last"),
    ],
)
def test_url_that_cannot_be_used_is_refused_with_the_remedy(url: str, line: str) -> None:
    with pytest.raises(SettingsError, match=line):
        path_or_url(url)


def test_server_that_does_not_answer_is_one_line(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(InputError, match=r"cannot be reached .*; check the address, your cred"):
        path_or_url(f"{s3}/other")
    s3fs.S3FileSystem.clear_instance_cache()


def test_what_needs_a_disk_refuses_a_url() -> None:
    assert local_path("cells") == Path("cells")
    for url in ("s3://cells/hep2", path_or_url("memory://cells/hep2")):
        with pytest.raises(SettingsError, match=r"cells/hep2: is a URL, .*; name a folder"):
            local_path(url)


def test_file_on_a_url_is_whole_or_as_it_was() -> None:
    url = path_or_url("memory://whole/a.json")
    write_json(url, {"a": 1})

    def fail() -> None:
        with replacing(url) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with on_disk(url) as copy:
        assert copy.read_text() == '{\n  "a": 1\n}\n'
    assert [path.name for path in url.parent.iterdir()] == ["a.json"]
