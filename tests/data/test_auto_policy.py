"""The automatic policy: microscope files as a microscopist would show them, others as they were."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mubench_gen.errors import ImageError, MissingExtraError, SettingError
from mubench_gen.images.choices import AUTO
from mubench_gen.images.geometry import require_one_frame
from mubench_gen.images.microscope import make_policy
from mubench_gen.images.policy import StandardPolicy, open_image

tifffile = pytest.importorskip("tifffile", reason="microscope files need mubench-gen[tiff]")

RNG = np.random.default_rng(0)
ROWS, COLUMNS = np.mgrid[:96, :128]
SPOTS = sum(
    np.exp(-((ROWS - y) ** 2 + (COLUMNS - x) ** 2) / 40)
    for y, x in RNG.integers(12, 84, (9, 2))
).clip(0, 1)  # fmt: skip
# A stained section: bright, pink and blue.
STAIN = np.stack([225 - 60 * SPOTS, 180 - 90 * SPOTS, 205 - 40 * SPOTS], -1).astype(np.uint8)
LIGHT = (0.5 + 0.3 * np.sin(ROWS / 9) * np.cos(COLUMNS / 7)).astype(np.float32)  # grey, 0 … 1


def tiff(values: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def shown(content: bytes, settings: Mapping[str, str] | None = None) -> Any:
    return np.asarray(make_policy(settings or {}, default=AUTO).decode(content, "x"))


def note(content: bytes, settings: Mapping[str, str] | None = None) -> str | None:
    return make_policy(settings or {}, default=AUTO).check(content, "x")


TURNED = Image.Exif()
TURNED[0x0112] = 6
PLAIN = {
    **{
        f"turned {kind}": saved(Image.fromarray(STAIN), kind, exif=TURNED)
        for kind in ("JPEG", "PNG", "WEBP", "TIFF")
    },
    "PNG": saved(Image.fromarray(STAIN), "PNG"),
    "JPEG": saved(Image.fromarray(STAIN), "JPEG"),
    "palette": saved(Image.fromarray(STAIN).quantize(16), "PNG"),
    "TIFF": tiff(STAIN, photometric="rgb"),
    "grey TIFF": tiff(STAIN[..., 0]),
    "1-bit TIFF": saved(Image.fromarray(STAIN[..., 0] > 190), "TIFF"),
    "1-bit white is zero": tiff(STAIN[..., 0] > 190, photometric="miniswhite"),
    "white is zero": tiff(STAIN[..., 0], photometric="miniswhite"),
    "clear palette": saved(Image.fromarray(STAIN).quantize(16), "PNG", transparency=3),
    "GIF": saved(
        Image.fromarray(STAIN), "GIF", save_all=True, append_images=[Image.new("L", (9, 9))]
    ),
    "WebP": saved(
        Image.fromarray(STAIN),
        "WEBP",
        lossless=True,
        save_all=True,
        append_images=[Image.new("RGB", (128, 96))],
    ),
    "JPEG 2000": saved(Image.fromarray(STAIN), "JPEG2000"),
    "inks": tiff(np.dstack([255 - STAIN, STAIN[..., :1] * 0]), photometric="separated"),
    "pages of colour": tiff(np.stack([STAIN, 255 - STAIN]), photometric="rgb"),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_an_8_bit_picture_is_shown_as_ever_under_the_key_that_it_had(kind: str) -> None:
    content, auto = PLAIN[kind], make_policy({"z": "max"}, default=AUTO)
    old, new = (open_image("x", lambda: content, policy) for policy in (StandardPolicy(), auto))
    assert new.pixels().tobytes() == old.pixels().tobytes()
    assert (new.identity, new.conversion) == (old.identity, old.conversion)
    assert auto.identity() == StandardPolicy().identity()
    assert new.size == old.size == new.pixels().size


def test_white_is_zero_is_turned_over_at_any_number_of_bits_and_pages() -> None:
    assert (shown(PLAIN["white is zero"])[..., 0] == 255 - STAIN[..., 0]).all()
    bright = STAIN[..., 0] > 190
    assert ((shown(PLAIN["1-bit white is zero"])[..., 0] == 0) == bright).all()
    pages = tiff(np.stack([bright] * 3), photometric="miniswhite")
    assert ((shown(pages)[..., 0] == 0) == bright).all()


def test_of_an_animation_the_first_picture_is_shown() -> None:
    for kind in ("GIF", "WebP"):
        assert np.abs(shown(PLAIN[kind]).astype(int) - STAIN).mean() < 3
        assert "page 1 of 2" in str(note(PLAIN[kind]))


def test_avif_and_jpeg_xl_are_read_and_their_headers_first() -> None:
    picture = Image.fromarray(STAIN)
    if "AVIF" in Image.registered_extensions().values():
        assert np.abs(shown(saved(picture, "AVIF", quality=95)).astype(int) - STAIN).mean() < 4
    imagecodecs = pytest.importorskip("imagecodecs")
    content = imagecodecs.jpegxl_encode(STAIN, lossless=True)
    assert (shown(content) == STAIN).all()
    assert make_policy({}, default=AUTO).size(content, "x") == (128, 96)
    grey = imagecodecs.jpegxl_encode(STAIN[..., 0], lossless=True)
    assert (shown(grey)[..., 0] == STAIN[..., 0]).all()
    with pytest.raises(ImageError, match="128 × 96 are 12,288 pixels"):
        shown(content[:40], {"max_pixels": "12287"})  # nothing behind its header
    with pytest.raises(ImageError, match="cannot be decoded"):
        shown(content[: len(content) // 2])


def with_orientation(content: bytes, number: int) -> bytes:
    """The JPEG with Exif data in front that declare it, and a long comment."""
    exif = Image.Exif()
    exif[0x0112] = number
    body = exif.tobytes()
    comment = b"\xff\xfe" + (1000).to_bytes(2, "big") + bytes(998)
    return (
        content[:2]
        + comment
        + b"\xff\xe1"
        + (len(body) + 2).to_bytes(2, "big")
        + body
        + content[2:]
    )


def test_jpeg_ls_and_jpeg_of_more_than_8_bits_are_read_with_their_size_first() -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    twelve = (LIGHT * 4095).astype(np.uint16)
    content = imagecodecs.jpegls_encode(STAIN)
    assert (shown(content) == STAIN).all()
    grey = shown(tiff(twelve)).astype(int)
    for kind, content, most in (
        ("JPEG-LS", imagecodecs.jpegls_encode(twelve), 0),
        ("lossless JPEG", imagecodecs.ljpeg_encode(twelve, bitspersample=12), 0),
        ("JPEG", imagecodecs.jpeg_encode(twelve, bitspersample=12, level=100), 1),
    ):
        assert abs(shown(content) - grey).max() <= most
        assert f"auto-1: {kind} uint16 to 8-bit" in str(note(content))
        turned = with_orientation(content, 6)
        assert (shown(turned) == np.rot90(shown(content), -1)).all()
        with pytest.raises(
            ImageError, match=r"128 × 96 are 12,288 pixels; the policy's limit is 9"
        ):
            note(content, {"max_pixels": "9"})
        with pytest.raises(ImageError, match="truncated"):
            note(content[: len(content) // 4])
    colour = imagecodecs.jpeg_encode(STAIN.astype(np.uint16) * 16, bitspersample=12, level=98)
    assert abs(shown(colour).astype(int) - STAIN).mean() < 3


def test_a_microscope_file_has_a_key_of_what_was_chosen() -> None:
    content = tiff((LIGHT * 4000).astype(np.uint16))
    keys = {
        open_image("x", lambda: content, make_policy(chosen, default=AUTO)).identity
        for chosen in ({}, {"range": "minmax"}, {"policy": "standard"})
    }
    assert len(keys) == 3


STACK_DEPTHS = {"uint16": 4000, "int16": 4000, "uint32": 10**6, "float64": 3.0, "float16": 3.0}


@pytest.mark.parametrize("kind", STACK_DEPTHS)
def test_grey_of_any_depth_gets_its_contrast_by_percentiles(kind: str) -> None:
    content = tiff((LIGHT * STACK_DEPTHS[kind]).astype(kind))
    pixels = shown(content)
    assert (pixels[..., 0] == pixels[..., 2]).all()
    low, high = np.percentile(LIGHT, [0.5, 99.5])
    wanted = ((LIGHT - low) / (high - low)).clip(0, 1) * 255
    assert np.abs(pixels[..., 0] - wanted).max() <= 1.5


def test_signed_bytes_and_white_is_zero_of_16_bits_are_the_right_way_up() -> None:
    for content in (
        tiff((LIGHT * 255 - 128).astype(np.int8)),
        tiff(65_535 - (LIGHT * 65_535).astype(np.uint16), photometric="miniswhite"),
        tiff(np.stack([255 - (LIGHT * 255).astype(np.uint8)] * 2), photometric="miniswhite"),
        tiff(-LIGHT, photometric="miniswhite"),
    ):
        assert np.corrcoef(shown(content)[..., 0].ravel(), LIGHT.ravel())[0, 1] > 0.99


def test_a_few_hot_pixels_do_not_make_a_picture_dark() -> None:
    values = (100 + 500 * LIGHT).astype(np.uint16)
    values[::40, ::40] = 60_000
    assert 90 < shown(tiff(values)).mean() < 160
    assert shown(tiff(values), {"range": "minmax"}).mean() < 5


NOISE = {
    "camera": RNG.normal(1000, 3, (256, 256)).astype(np.uint16),
    "photons": RNG.poisson(4, (256, 256)).astype(np.uint16),
    "float": RNG.normal(0, 1e-3, (256, 256)).astype(np.float32),
}


@pytest.mark.parametrize("kind", NOISE)
def test_noise_is_not_amplified(kind: str) -> None:
    assert shown(tiff(NOISE[kind])).std() < 10
    assert shown(tiff(NOISE[kind]), {"range": "percentile:0.5:99.5"}).std() > 35


def test_what_is_rare_is_seen_before_noise() -> None:
    values = NOISE["photons"].copy()
    values[100:108, 50:58] = 3_000
    pixels = shown(tiff(values))
    assert pixels[101, 51, 0] > 240
    assert np.percentile(pixels, 99) < 10


@pytest.mark.parametrize(("level", "wanted"), [(0, 0), (700, 128), (65_535, 255)])
def test_a_constant_picture_is_one_grey(level: int, wanted: int) -> None:
    assert set(shown(tiff(np.full((40, 40), level, np.uint16))).ravel().tolist()) == {wanted}


def test_a_mask_is_black_and_white() -> None:
    assert set(shown(tiff((SPOTS > 0.5).astype(np.uint16))).ravel().tolist()) == {0, 255}


def test_no_number_is_black_and_infinity_is_white() -> None:
    values = LIGHT.copy()
    values[0, 0], values[0, 1], values[0, 2] = np.nan, np.inf, -np.inf
    pixels = shown(tiff(values))
    assert pixels[0, :3, 0].tolist() == [0, 255, 0]
    assert 90 < pixels.mean() < 160
    with pytest.raises(ImageError, match="no finite value"):
        shown(tiff(np.full((9, 9), np.nan, np.float32)))


DEEP_COLOURS = {
    "16 bits": lambda: tiff(STAIN.astype(np.uint16) * 257, photometric="rgb"),
    "shifted": lambda: tiff(STAIN.astype(np.uint16) << 8, photometric="rgb"),
    "12 bits": lambda: tiff(STAIN.astype(np.uint16) << 4, photometric="rgb"),
    "as they are": lambda: tiff(STAIN.astype(np.uint16), photometric="rgb"),
    "floats": lambda: tiff(STAIN / np.float32(255), photometric="rgb"),
    "planes apart": lambda: tiff(
        STAIN.transpose(2, 0, 1).astype(np.uint16) * 257, photometric="rgb", planarconfig="separate"
    ),
    "with alpha": lambda: tiff(
        np.dstack([STAIN, np.full(STAIN.shape[:2], 255)]).astype(np.uint16) * 257,
        photometric="rgb", extrasamples=["unassalpha"],
    ),
    "12 bits with 16-bit alpha": lambda: tiff(
        np.dstack([STAIN * np.uint16(16), np.full(STAIN.shape[:2], 65_535, np.uint16)]),
        photometric="rgb", extrasamples=["unassalpha"],
    ),
    "12 bits with alpha": lambda: tiff(
        np.dstack([STAIN * np.uint16(16), np.full(STAIN.shape[:2], 4095, np.uint16)]),
        photometric="rgb", extrasamples=["unassalpha"],
    ),
    "with a sample of unknown meaning": lambda: tiff(
        np.dstack([STAIN, STAIN[::-1, :, :1]]) * np.uint16(257),
        photometric="rgb", extrasamples=["unspecified"],
    ),
    "8 bits with two such samples": lambda: tiff(
        np.dstack([STAIN, STAIN[::-1, :, :2]]), photometric="rgb", extrasamples=["unspecified"] * 2
    ),
    "signed": lambda: tiff(STAIN * np.int16(128), photometric="rgb"),
    "inks": lambda: tiff(
        np.dstack([255 - STAIN, np.zeros(STAIN.shape[:2])]).astype(np.uint16) * 257,
        photometric="separated",
    ),
    "stack": lambda: tiff(
        np.stack([STAIN] * 2).astype(np.uint16) * 257, photometric="rgb", metadata={"axes": "ZYXS"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", DEEP_COLOURS)
def test_a_stain_keeps_its_hue_and_its_brightness(kind: str) -> None:
    assert np.abs(shown(DEEP_COLOURS[kind]()).astype(int) - STAIN).max() <= 2


def test_16_bit_colour_of_other_formats_keeps_all_its_bits() -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    dim = STAIN.astype(np.uint16) * 4  # the high byte alone would be 0 … 3
    for content in (
        imagecodecs.png_encode(dim),
        imagecodecs.jpeg2k_encode(dim, level=0),
        imagecodecs.jpegxl_encode(dim, lossless=True),
    ):
        assert np.abs(shown(content).astype(int) - STAIN).max() <= 2


def test_transparency_of_16_bits_is_laid_over_white() -> None:
    values = np.dstack([STAIN, np.zeros(STAIN.shape[:2])]).astype(np.uint16) * 257
    content = tiff(values, photometric="rgb", extrasamples=["unassalpha"])
    assert (shown(content) == 255).all()


def test_colour_that_was_multiplied_by_its_transparency_is_laid_over_white_once() -> None:
    alpha = np.broadcast_to(COLUMNS / 127, STAIN.shape[:2])[..., None]
    deep = [
        tiff(
            (np.dstack([part, np.ones_like(alpha)]) * factor).astype(np.uint16),
            photometric="rgb", extrasamples=[kind],
        )
        for part, factor, kind in (
            (STAIN / 255, np.dstack([np.ones((96, 128, 3)), alpha]) * 65_535, "unassalpha"),
            (STAIN / 255, alpha * 65_535, "assocalpha"),
        )
    ]  # fmt: skip
    over_white = STAIN * alpha + 255 * (1 - alpha)
    for content in deep:
        assert np.abs(shown(content) - over_white).max() <= 1


def stack(dark: bool) -> Any:
    from scipy.ndimage import gaussian_filter

    sharp = SPOTS if dark else LIGHT + np.where(SPOTS > 0.5, 0.2, 0)
    planes = [gaussian_filter(sharp, blur) for blur in (6, 4, 0, 4, 6)]
    return np.stack([100 + 3000 * plane for plane in planes]).astype(np.uint16)


def test_a_dark_stack_is_projected_and_of_a_bright_one_the_sharpest_plane_is_shown() -> None:
    for dark, wanted in ((True, "max"), (False, "2")):
        content = tiff(stack(dark), ome=True, metadata={"axes": "ZYX"})
        assert (shown(content) == shown(content, {"z": wanted})).all()
        assert not (shown(content) == shown(content, {"z": "first"})).all()


@pytest.mark.parametrize("z", ["first", "middle", "max", "mean", "sharpest", "4"])
@pytest.mark.parametrize("ome", [True, False])
def test_planes_are_what_tifffile_reads(z: str, ome: bool) -> None:
    values = stack(False)
    content = tiff(values, ome=ome, imagej=not ome, metadata={"axes": "ZYX"})
    number = {"first": 0, "middle": 2, "sharpest": 2}.get(z, 4)
    plane = getattr(values, z)(axis=0) if z in ("max", "mean") else values[number]
    found = shown(content, {"z": z, "range": "window:0:5000"})[..., 0]
    assert (found == (plane / 5000 * 255).round()).all()


def test_a_time_series_is_not_projected_and_pages_without_a_meaning_are_told() -> None:
    values = stack(True)
    series = tiff(values, imagej=True, metadata={"axes": "TYX"})
    assert (shown(series) == shown(tiff(values[0]))).all()
    assert "t first of 5 frames" in str(note(series))
    assert (shown(series, {"t": "max"}) == shown(tiff(values.max(axis=0)))).all()
    pages = tiff(values, photometric="minisblack", metadata=None)
    assert (shown(pages) == shown(tiff(values[2]))).all()
    assert "z auto of 5 pages (of what, the file does not say)" in str(note(pages))
    assert "z max of 5 pages (of what" in str(note(pages, {"z": "max"}))


BAND = COLUMNS // 32
CHANNELS = np.stack([np.where(i == BAND, 3000, 100) for i in range(3)]).astype(np.uint16)


def colours(content: bytes, settings: Mapping[str, str] | None = None) -> list[list[int]]:
    """The colours of the bands that the channels fill."""
    return [shown(content, settings)[50, 32 * i + 16].tolist() for i in range(3)]


def named(*names: str, **channel: Any) -> bytes:
    return tiff(
        CHANNELS[: len(names)], ome=True,
        metadata={"axes": "CYX", "Channel": {"Name": list(names), **channel}},
    )  # fmt: skip


RED, GREEN, BLUE, MAGENTA, BLACK = (
    [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 0, 255], [0, 0, 0],
)  # fmt: skip


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("DAPI", "GFP", "Cy5"), [BLUE, GREEN, MAGENTA]),
        (("mCherry", "EGFP", "Hoechst 33342"), [RED, GREEN, BLUE]),
        (("Alexa Fluor 568", "AF488", "nuclei"), [RED, GREEN, BLUE]),
        (("c1", "DAPI", "c3"), [GREEN, BLUE, MAGENTA]),
        (("Channel:0", "Channel:1", "Channel:2"), [BLUE, GREEN, MAGENTA]),
    ],
)
def test_channels_are_coloured_by_their_dyes_and_nuclei_are_never_red_by_accident(
    names: tuple[str, ...], wanted: list[list[int]]
) -> None:
    assert colours(named(*names)) == wanted


def test_a_file_s_own_colours_come_first() -> None:
    signed = [-16711681, 16711935, 65535]  # red, green, blue, alpha, as OME writes them
    assert colours(named("DAPI", "GFP", "Cy5", Color=signed)) == [MAGENTA, GREEN, BLUE]


def test_bright_red_green_and_blue_channels_keep_their_hue_and_dark_ones_are_each_stretched() -> (
    None
):
    whole = [-16_776_961, 16_711_935, 65_535]  # red, green, blue, as OME writes them
    about = {"axes": "CYX", "Channel": {"Color": whole}}
    for factor, kind in ((1, np.uint8), (257, np.uint16)):
        stain = (STAIN.transpose(2, 0, 1).astype(int) * factor).astype(kind)
        content = tiff(stain, ome=True, photometric="minisblack", metadata=about)
        assert np.abs(shown(content).astype(int) - STAIN).max() <= 1
    dark = (np.stack([SPOTS, SPOTS / 4, SPOTS / 9]) * 40_000).astype(np.uint16)
    content = tiff(dark, ome=True, photometric="minisblack", metadata=about)
    assert (shown(content).max(axis=(0, 1)) > 250).all()


def test_imagej_s_tables_and_display_ranges_are_used() -> None:
    ramp = np.arange(256, dtype=np.uint8)
    tables = [np.stack([ramp, ramp, ramp * 0]), np.stack([ramp * 0, ramp * 0, ramp])]
    ranges = (100.0, 3000.0, 100.0, 5900.0)
    about = {"axes": "CYX", "mode": "composite", "LUTs": tables, "Ranges": ranges}
    content = tiff(CHANNELS[:2], imagej=True, metadata=about)
    assert colours(content)[:2] == [[255, 255, 0], [0, 0, 128]]
    assert colours(content, {"range": "minmax"})[:2] == [[255, 255, 0], BLUE]


def test_channels_without_signal_stay_dark() -> None:
    values = np.stack([CHANNELS[0], RNG.normal(100, 3, CHANNELS[0].shape).astype(np.uint16)])
    content = tiff(values, ome=True, metadata={"axes": "CYX", "Channel": {"Name": ["GFP", "Cy5"]}})
    assert shown(content)[..., 0].mean() < 25


def test_channels_can_be_chosen_with_or_without_a_colour() -> None:
    content = named("DAPI", "GFP", "Cy5")
    assert colours(content, {"channels": "1+2"}) == [BLACK, GREEN, MAGENTA]
    assert colours(content, {"channels": "0:red+2:cyan"}) == [RED, BLACK, [0, 255, 255]]
    assert "channels 1 GFP green, 2 Cy5 magenta of 3" in str(note(content, {"channels": "1+2"}))
    with pytest.raises(ImageError, match="no channel 7, it has 3"):
        shown(content, {"channels": "7"})


def test_one_plane_of_a_stack_above_the_limits_is_read_without_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = stack(False)
    limits = {"max_bytes": str(values[0].nbytes), "z": "3"}
    for options in ({"ome": True}, {"imagej": True}, {"ome": True, "compression": "zlib"}):
        content = tiff(values, metadata={"axes": "ZYX"}, **options)
        whole = tifffile.TiffPageSeries.asarray
        monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", lambda *_, **__: pytest.fail("all"))
        found = shown(content, limits)
        monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", whole)
        assert (found == shown(tiff(values[3]))).all()
        with pytest.raises(ImageError, match=r"max_bytes=24576"):
            shown(content, {"max_bytes": "24575"})


def pyramid() -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        options: dict[str, Any] = {"photometric": "rgb", "tile": (16, 32), "compression": "zlib"}
        file.write(STAIN, subifds=2, **options)
        file.write(STAIN[::2, ::2], subfiletype=1, **options)
        file.write(STAIN[::4, ::4], subfiletype=1, **options)
    return stream.getvalue()


def test_one_level_or_region_of_a_pyramid_is_shown() -> None:
    content = pyramid()
    assert (shown(content) == STAIN).all()
    assert note(content) is None
    assert (shown(content, {"level": "2"}) == STAIN[::4, ::4]).all()
    assert (shown(content, {"max_pixels": "9000"}) == STAIN[::2, ::2]).all()
    found = shown(content, {"region": "30:10:50:40", "max_pixels": "2000"})
    assert (found == STAIN[10:50, 30:80]).all()
    found = shown(content, {"region": "3:5:20:30", "level": "1"})
    assert (found == STAIN[::2, ::2][5:35, 3:23]).all()
    for settings in ({"level": "1"}, {"region": "0:0:9:9"}, {"max_pixels": "9000"}):
        policy = make_policy(settings, default=AUTO)
        with pytest.raises(ImageError, match="boxes are at places of the whole file"):
            require_one_frame(open_image("x", lambda: content, policy))
    for settings, message in (
        ({"level": "3"}, "no level 3, it has 3"),
        ({"region": "100:0:50:40"}, "is not within its 128 × 96 pixels"),
        ({"region": "0:0:50:40", "max_pixels": "1999"}, "2,000 pixels; the policy's limit"),
    ):
        with pytest.raises(ImageError, match=message):
            shown(content, settings)


def test_of_a_plane_above_the_limits_a_region_is_shown_where_it_is_read_alone() -> None:
    values = np.tile(LIGHT, (4, 4)) * 60_000
    few, part = {"max_pixels": "5000"}, {"region": "200:100:60:50", "max_pixels": "5000"}
    content = tiff(values.astype(np.uint16), tile=(64, 64), compression="zlib")
    with pytest.raises(ImageError, match=r"limit is 5,000 .*; a part of it can be shown: --image-"):
        note(content, few)
    assert shown(content, part).shape == (50, 60, 3)
    whole = saved(Image.fromarray(values.astype(np.uint16)), "PNG")
    with pytest.raises(ImageError, match=r"limit is 5,000 \(--image-set max_pixels=196608\)$"):
        note(whole, part)


def test_a_file_of_several_pictures_shows_the_first_and_says_so() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, ome=True) as file:
        for values in (CHANNELS[0], CHANNELS[1, :40]):
            file.write(values)
    content = stream.getvalue()
    assert (shown(content) == shown(tiff(CHANNELS[0]))).all()
    assert "one scene of 2" in str(note(content))
    assert shown(content, {"scene": "1"}).shape == (40, 128, 3)
    with pytest.raises(ImageError, match="no scene 2, it has 2"):
        shown(content, {"scene": "2"})


@pytest.mark.parametrize("number", range(2, 9))
def test_an_orientation_is_applied_to_16_bits_as_to_8(number: int) -> None:
    eight = (LIGHT * 255).astype(np.uint8)
    tag = [(274, 3, 1, number, True)]
    grey, colour = tiff(eight, extratags=tag), tiff(eight.astype(np.uint16) * 257, extratags=tag)
    policy = make_policy({"range": "window:0:65535"}, default=AUTO)
    deep = policy.decode(colour, "x")
    assert deep.tobytes() == StandardPolicy().decode(grey, "x").tobytes()
    assert policy.size(colour, "x") == deep.size
    assert f"({number})" in str(policy.check(colour, "x"))


def test_what_a_plugin_reads_in_place_of_the_pixels_is_the_same_picture() -> None:
    files = [content for kind, content in PLAIN.items() if "turned" in kind]
    for content in (*files, tiff(CHANNELS[0])):
        image = open_image("x", lambda content=content: content, make_policy({}, default=AUTO))
        with Image.open(io.BytesIO(image.data)) as file:
            assert file.convert("RGB").tobytes() == image.pixels().tobytes()
            assert file.getexif().get(0x0112) is None


def test_bytes_that_are_no_picture_are_handed_on_as_they_are() -> None:
    for content in (b"\xff\x0a no JPEG XL", b"Pf no picture", b"II*\0 no TIFF", b"noise"):
        image = open_image("x", lambda content=content: content, make_policy({}, default=AUTO))
        assert image.data == content
        with pytest.raises(ImageError):
            image.pixels()


def test_what_has_no_rule_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match="complex64 values have no rule"):
        shown(tiff(np.zeros((9, 9), np.complex64)))
    with pytest.raises(ImageError, match="cannot be read as TIFF"):
        shown(tiff(CHANNELS[0])[:60])
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    assert (shown(PLAIN["TIFF"]) == STAIN).all()
    with pytest.raises(MissingExtraError, match=r"pip install 'mubench-gen\[tiff\]'"):
        shown(tiff_of_before())


def test_tifffile_s_log_lines_stay_inside(capfd: pytest.CaptureFixture[str]) -> None:
    content = bytearray(tiff(CHANNELS, ome=True, metadata={"axes": "CYX"}))
    at = content.index(b"<OME")
    content[at : at + 4] = b"XXXX"
    shown(bytes(content))
    assert capfd.readouterr() == ("", "")


def tiff_of_before() -> bytes:
    return saved(Image.fromarray(CHANNELS[0]), "TIFF")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"policy": "best"}, "auto or standard"),
        ({"region": "1:2:3"}, "LEFT:TOP:WIDTH:HEIGHT"),
        ({"level": "fine"}, "auto or a number"),
        ({"scene": "-1"}, "a number from 0"),
        ({"t": "sharpest"}, "first, middle, last"),
        ({"policy": "standard", "t": "last"}, "unknown of policy=standard"),
        ({"zoom": "2"}, "unknown. Known"),
    ],
)
def test_a_bad_choice_is_told(settings: dict[str, str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make_policy(settings, default=AUTO)
