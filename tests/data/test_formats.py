"""Files of microscopes and scanners through their readers; and what is said without these."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mubench_gen.data import open_dataset
from mubench_gen.data.forms.folders import ClassFolders
from mubench_gen.data.forms.found import find_table
from mubench_gen.errors import DataError, ImageError, MissingExtraError
from mubench_gen.images.auto import AutoPolicy
from mubench_gen.images.formats.ome_zarr import packed
from mubench_gen.images.readers import reader_of
from mubench_gen.images.source import Region

from .writers import Array, lif_file, nd2_file, slide_file


def needs(package: str, extra: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"needs mubench-gen[{extra}]: {package}")


CZI = needs("pylibCZIrw", "czi")
DICOM = needs("pydicom", "dicom")
LIF = needs("liffile", "lif")
ND2 = needs("nd2", "nd2")
ZARR = needs("zarr", "zarr")


def spots(seed: int, shape: tuple[int, int] = (90, 120)) -> Array:
    """16-bit light on a dark background."""
    draw = np.random.default_rng(seed)
    values = draw.normal(200, 15, shape)
    for _ in range(8):
        y, x = draw.integers(0, shape[0]), draw.integers(0, shape[1])
        values[max(0, y - 5) : y + 5, max(0, x - 5) : x + 5] += 2000
    return values.clip(0, 65_535).astype(np.uint16)


STACK = np.stack([np.stack([spots(10 * z + c) for c in range(2)]) for z in range(3)])  # ZCYX


def plane(content: bytes, at: dict[str, int], region: Region | None = None, **more: int) -> Array:
    """A plane of the file's first picture, as its reader gives it."""
    reader = reader_of(content, "row 1")
    assert reader is not None
    with reader.open(content, "row 1") as pictures:
        return np.array(pictures[more.pop("scene", 0)].plane(at, region=region, **more))


def shown(content: bytes, name: str = "row 1", **choices: Any) -> Array:
    return np.asarray(AutoPolicy(**choices).decode(content, name))


def told(content: bytes, name: str = "row 1", **choices: Any) -> str:
    return str(AutoPolicy(**choices).check(content, name))


def written_czi(path: Path, stack: Array) -> bytes:
    from pylibCZIrw import czi

    with czi.create_czi(str(path)) as file:
        for z, c in np.ndindex(stack.shape[:2]):
            file.write(data=stack[z, c][..., None], plane={"Z": z, "C": c, "T": 0})
        file.write_metadata("test", channel_names={0: "DAPI", 1: "EGFP"})
    return path.read_bytes()


def written_zarr(folder: Path, stack: Array, version: int) -> Path:
    import zarr

    group = zarr.open_group(str(folder), mode="w", zarr_format=version)
    for level, values in enumerate((stack, stack[..., ::2, ::2])):
        group.create_array(str(level), data=values, chunks=(1, 1, 32, 32))
    about = {
        "multiscales": [{"axes": list("zcyx"), "datasets": [{"path": "0"}, {"path": "1"}]}],
        "omero": {
            "channels": [
                {"label": "DAPI", "color": "0000FF", "window": {"start": 150, "end": 2300}},
                {"label": "GFP", "color": "00FF00"},
            ]
        },
    }
    group.attrs.update(about if version == 2 else {"ome": about})
    return folder


def check_stack(content: bytes) -> None:
    """Every plane and a region are those that were written; colours are the nuclei's and GFP's."""
    for z, c in np.ndindex(STACK.shape[:2]):
        assert (plane(content, {"Z": z, "C": c}) == STACK[z, c]).all()
    assert (plane(content, {"Z": 2, "C": 1}, (7, 11, 30, 20)) == STACK[2, 1, 11:31, 7:37]).all()
    assert "z auto of 3 planes" in told(content)
    red, green, blue = shown(content).reshape(-1, 3).max(axis=0)
    assert (red, green, blue) == (0, 255, 255)


@CZI
def test_czi(tmp_path: Path) -> None:
    content = written_czi(tmp_path / "a.czi", STACK)
    check_stack(content)
    assert "channels 0 DAPI blue, 1 EGFP green of 2" in told(content)


@CZI
def test_czi_of_colour_scenes_and_levels(tmp_path: Path) -> None:
    from pylibCZIrw import czi

    colour = np.zeros((60, 80, 3), np.uint8)
    colour[..., 0], colour[:30, :, 1], colour[:, 40:, 2] = 200, 90, 30
    with czi.create_czi(str(tmp_path / "rgb.czi")) as file:
        file.write(data=colour[..., ::-1].copy(), plane={"C": 0})
        file.write_metadata("test")
    assert (shown((tmp_path / "rgb.czi").read_bytes()) == colour).all()
    with czi.create_czi(str(tmp_path / "scenes.czi")) as file:
        for scene in range(2):
            large = np.full((2100, 2048, 1), 50 + 100 * scene, np.uint8)
            file.write(data=large, plane={"C": 0}, scene=scene, location=(3000 * scene, 0))
        file.write_metadata("test")
    content = (tmp_path / "scenes.czi").read_bytes()
    found = shown(content, scene=1, level="1", region=(10, 20, 40, 30))
    assert found.shape == (30, 40, 3)
    assert (found == 150).all()
    assert "level 1 of 2" in told(content, scene=1, level="1")


@ND2
def test_nd2() -> None:
    content = nd2_file(STACK, ["DAPI", "EGFP"], [0xFF0000, 0x00FF00])
    check_stack(content)
    assert "channels 0 DAPI blue, 1 EGFP green of 2" in told(content)


@LIF
def test_lif() -> None:
    images = [
        ("first", "ZCYX", STACK, ["Blue", "Green"]),
        ("second", "YX", STACK[1, 1], ["Gray"]),
    ]
    content = lif_file(images)
    check_stack(content)
    assert (plane(content, {}, scene=1) == STACK[1, 1]).all()
    assert "one scene of 2" in told(content, scene=1)


@ZARR
@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr(tmp_path: Path, version: int) -> None:
    folder = written_zarr(tmp_path / "a.zarr", STACK, version)
    content = packed(folder)
    check_stack(content)
    small = STACK[2, 1, ::2, ::2]
    assert (plane(content, {"Z": 2, "C": 1}, (5, 6, 20, 10), level=1) == small[6:16, 5:25]).all()
    assert packed(folder) == content
    assert "level 1 of 2" in told(content, "a.ozx", level="1")


@ZARR
def test_display_settings_of_ome_zarr_hide_channels_and_may_be_damaged(tmp_path: Path) -> None:
    import zarr

    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=3)
    group.create_array("0", data=STACK[0])
    scales = [{"axes": list("cyx"), "datasets": [{"path": "0"}]}]
    told_of = [{"label": "DAPI", "active": False}, {"label": "GFP", "window": {"start": "x"}}]
    group.attrs["ome"] = {"multiscales": scales, "omero": {"channels": told_of}}
    content = packed(tmp_path / "a.zarr")
    assert "channels 1 GFP grey of 2" in told(content)
    assert "channels 0 DAPI blue, 1 GFP green" in told(content, channels=((0, ""), (1, "")))


@CZI
def test_czi_of_grey_channels_of_8_and_16_bits(tmp_path: Path) -> None:
    from pylibCZIrw import czi

    light = (STACK[0, 1] // 16).astype(np.uint8)
    with czi.create_czi(str(tmp_path / "a.czi")) as file:
        for number, values in enumerate((STACK[0, 0], light)):
            file.write(data=values[..., None], plane={"C": number})
        file.write_metadata("test", channel_names={0: "DAPI", 1: "TL"})
    content = (tmp_path / "a.czi").read_bytes()
    assert (plane(content, {"C": 0}) == STACK[0, 0]).all()
    assert (plane(content, {"C": 1}) == light).all()
    assert "uint16 to 8-bit, range auto; channels 0 DAPI blue, 1 TL faint grey" in told(content)


@ZARR
def test_a_folder_of_ome_zarr_is_imported_as_one_file(here: Any, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    written_zarr(photos / "a.zarr", STACK, 3)
    (photos / "t.csv").write_text("image,question,options,answer\na.zarr,Q,x|y,x\n")
    assert here("data", "import", photos, "--out", tmp_path / "out").code == 0
    assert (tmp_path / "out/images/a.zarr.ozx").is_file()
    (row,) = open_dataset(str(tmp_path / "out"), AutoPolicy())
    assert row.image.pixels().size == STACK.shape[:1:-1]
    previewed = here("data", "preview", photos, "--json").document
    assert [Path(one["name"]).stem for one in previewed["shown"]] == ["a.zarr"]


def test_a_folder_of_ome_zarr_in_that_of_a_class_is_one_picture_and_no_table(
    tmp_path: Path,
) -> None:
    for mark in ("a/x.zarr/zarr.json", "a/x.zarr/0/zarr.json", "b/y.jls"):
        (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / mark).write_text('{"attributes": {}}')
    rows = ClassFolders(tmp_path, "Which?", None).rows()
    assert [row.cells["image"] for row in rows] == ["a/x.zarr", "b/y.jls"]
    with pytest.raises(DataError, match=r"holds no \.csv"):
        find_table(tmp_path)


def test_a_region_of_a_slide_in_tiles_of_jpeg() -> None:
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs", reason="needs mubench-gen[slides]: imagecodecs")
    y, x = np.mgrid[:300, :400]
    slide = np.stack([(x / 2), (y / 2), (x + y) / 4], axis=2).astype(np.uint8)
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        how = {"tile": (64, 64), "photometric": "rgb", "compression": "jpeg"}
        file.write(slide, subifds=1, **how)
        file.write(slide[::2, ::2], subfiletype=1, **how)
    content = stream.getvalue()
    found = shown(content, level="0", region=(100, 50, 90, 70)).astype(int)
    assert abs(found - slide[50:120, 100:190]).max() < 12
    small = shown(content, level="1", region=(70, 60, 30, 20)).astype(int)
    assert abs(small - slide[120:160:2, 140:200:2]).max() < 12


def dicom_file(name: str) -> bytes:
    from pydicom.data import get_testdata_file

    path = get_testdata_file(name, download=False)
    assert path is not None
    return Path(str(path)).read_bytes()


@DICOM
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm"])
def test_dicom_of_grey_values(name: str) -> None:
    import pydicom

    content = dicom_file(name)
    data = pydicom.dcmread(io.BytesIO(content))
    slope, start = (float(data.get(key, d)) for key, d in
                    (("RescaleSlope", 1), ("RescaleIntercept", 0)))  # fmt: skip
    assert (plane(content, {}) == data.pixel_array * slope + start).all()
    assert shown(content).std() > 20


@DICOM
@pytest.mark.parametrize("name", ["SC_rgb_rle", "SC_rgb_jpeg_dcmtk", "examples_palette"])
def test_dicom_of_colour(name: str) -> None:
    content = dicom_file(f"{name}.dcm")
    assert "DICOM" in told(content)
    assert (np.ptp(shown(content).astype(int), axis=2) > 40).any()


@DICOM
def test_frames_of_dicom_with_a_rate_are_times() -> None:
    content = dicom_file("examples_ybr_color.dcm")
    assert told(content).endswith("; t first of 30 frames")
    assert not (shown(content) == shown(content, t="last")).all()
    assert (shown(content, t="last") == shown(content, t="29")).all()


@DICOM
def test_dicom_without_a_picture_or_cut_is_refused() -> None:
    for name, why in (("rtplan.dcm", "holds no picture"), ("MR_truncated.dcm", "cannot be read")):
        with pytest.raises(ImageError, match=rf"row 1: .*{why}"):
            AutoPolicy().decode(dicom_file(name), "row 1")


@DICOM
@pytest.mark.parametrize("sparse", [False, True])
def test_a_slide_in_tiles_of_dicom_is_one_picture_of_which_a_region_is_read(sparse: bool) -> None:
    y, x = np.mgrid[:150, :210]
    slide = np.stack([x, y, x + y], axis=2).astype(np.uint8)
    slide[:64, 64:128] = 255
    content = slide_file(slide, (64, 64), sparse=sparse)
    assert (shown(content) == slide).all()
    assert (shown(content, region=(50, 30, 100, 90)) == slide[30:120, 50:150]).all()
    assert told(content, region=(50, 30, 100, 90)).endswith("; region 50:30:100:90")
    whole = slide_file(slide, (256, 256), sparse=sparse)  # one tile, larger than the slide
    assert (shown(whole) == slide).all()


@DICOM
@needs("imagecodecs", "dicom")
@pytest.mark.parametrize(
    ("name", "least", "greatest"),
    [
        ("MR_small_jpeg_ls_lossless", 127, 2145),
        ("JPEGLSNearLossless_16", 0, 65535),
        ("JPGExtended", 0, 264),  # 12 bits
        ("SC_rgb_jpeg_gdcm", 0, 255),  # lossless JPEG
        ("GDCMJ2K_TextGBR", 0, 255),  # JPEG 2000 that Pillow does not read
    ],
)
def test_compressions_of_dicom_are_read_with_imagecodecs(
    name: str, least: int, greatest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydicom import pixels

    content = dicom_file(f"{name}.dcm")
    values = plane(content, {})
    assert (values.min(), values.max()) == (least, greatest)
    real = pixels.pixel_array
    monkeypatch.setattr(
        pixels,
        "pixel_array",
        lambda *given, **more: real(*given, **more, decoding_plugin="imagecodecs"),
    )
    assert abs(plane(content, {}).astype(int) - values).max() <= 1


@DICOM
def test_a_compression_without_its_decoder_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pydicom import pixels

    def undecodable(*given: Any, **more: Any) -> None:
        raise RuntimeError("no plugin")

    monkeypatch.setattr(pixels, "pixel_array", undecodable)
    leave_out("imagecodecs", monkeypatch)
    with pytest.raises(MissingExtraError, match=r"JPEG-LS .*mubench-gen\[dicom\]"):
        AutoPolicy().decode(dicom_file("MR_small_jpeg_ls_lossless.dcm"), "row 1")


@DICOM
def test_the_size_of_a_dicom_picture_is_checked_before_it_is_decoded() -> None:
    import pydicom

    data = pydicom.dcmread(io.BytesIO(dicom_file("MR_small.dcm")))
    data.Rows = data.Columns = 40_000
    stream = io.BytesIO()
    data.save_as(stream)
    with pytest.raises(ImageError, match="40,000 × 40,000 are 1,600,000,000 pixels"):
        AutoPolicy().check(stream.getvalue(), "row 1")


def leave_out(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a package look as if it were not installed."""
    real = importlib.import_module

    def without(wanted: str, *more: Any) -> Any:
        if wanted.partition(".")[0] == package:
            raise ImportError(wanted)
        return real(wanted, *more)

    monkeypatch.setattr(importlib, "import_module", without)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == package else find(name)
    )


HEADS = [
    ("a.czi", b"ZISRAWFILE", "pylibCZIrw", "czi"),
    ("a.nd2", b"\xda\xce\xbe\x0a", "nd2", "nd2"),
    ("a.lif", b"\x70\0\0\0\0\0\0\0\x2a", "liffile", "lif"),
    ("a.dcm", bytes(128) + b"DICM", "pydicom", "dicom"),
    ("a.ozx", b"PK\x03\x04" + bytes(40), "zarr", "zarr"),
]


@pytest.mark.parametrize(("name", "head", "package", "extra"), HEADS)
def test_without_its_reader_a_format_is_named_with_what_to_do(
    name: str, head: bytes, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out(package, monkeypatch)
    with pytest.raises(MissingExtraError) as caught:
        AutoPolicy().check(head + bytes(600), name)
    message = str(caught.value)
    assert message.startswith(f"{name}: reading ")
    assert f"pip install 'mubench-gen[{extra}]'" in message
    assert "bfconvert FILE OUT.ome.tiff" in message


@pytest.mark.parametrize(("name", "head", "package", "extra"), HEADS)
def test_a_damaged_file_is_an_image_error(name: str, head: bytes, package: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs mubench-gen[{extra}]: {package}")
    with pytest.raises(ImageError, match=f"{name}: "):
        AutoPolicy().decode(head + bytes(3000), name)


@pytest.mark.parametrize(
    ("name", "head", "what"),
    [
        ("a.ims", b"\x89HDF\r\n\x1a\n", "Imaris"),
        ("row 3", b"\x89HDF\r\n\x1a\n", "HDF5"),
        ("a.oib", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OIB of Olympus"),
        ("A.MRXS", b"\xff\xd8\xff", "MRXS of 3DHISTECH"),
        ("a.vsi", b"II*\0", "VSI of Olympus"),
    ],
)
def test_a_format_that_nothing_reads_is_named_with_how_to_convert_it(
    name: str, head: bytes, what: str
) -> None:
    with pytest.raises(ImageError, match=f"{what}.*bfconvert FILE OUT.ome.tiff"):
        AutoPolicy().check(head + bytes(600), name)


def test_verify_lists_files_whose_reader_is_missing(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("a.czi", "b.czi"):
        (tmp_path / "photos" / name).write_bytes(b"ZISRAWFILE" + bytes(600))
    (tmp_path / "photos/rows.jsonl").write_text(
        "".join(
            f'{{"image_id": "{name}", "image": "{name}", "dataset": "d", "questions": {{}}}}\n'
            for name in ("a.czi", "b.czi")
        )
    )
    leave_out("pylibCZIrw", monkeypatch)
    outcome = here("data", "verify", tmp_path / "photos")
    assert outcome.code == 1
    for row, name in ((1, "a.czi"), (2, "b.czi")):
        assert f"row {row}: {name}: reading CZI needs pylibCZIrw" in outcome.out
