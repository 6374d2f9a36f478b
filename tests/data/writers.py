"""Files of Nikon and Leica, written byte by byte as their formats are described, and by no reader
that the harness uses."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_CHUNK = 0x0ABECEDA
_FRAME_NAME = 4072  # bytes that the name of a frame's chunk takes


def nd2_file(stack: Array, names: Sequence[str], colours: Sequence[int]) -> bytes:
    """An ND2 file (version 3) of planes × channels × height × width; colours as 0xBBGGRR."""
    planes, channels, height, width = stack.shape
    bits = 8 * stack.itemsize
    attributes = {
        "uiWidth": width, "uiWidthBytes": width * channels * stack.itemsize, "uiHeight": height,
        "uiComp": channels, "uiBpcInMemory": bits, "uiBpcSignificant": bits,
        "uiSequenceCount": planes, "eCompression": 2,
    }  # fmt: skip
    described: dict[str, Any] = {
        f"a{i}": {
            "uiCompCount": 1,
            "uiColor": colour,
            "sDescription": name,
            "pFluorescentProbe": {"m_sName": name},
        }
        for i, (name, colour) in enumerate(zip(names, colours, strict=True))
    }
    metadata = {
        "bCalibrated": 0, "dCalibration": 1.0,
        "sPicturePlanes": {"uiCount": channels, "uiCompCount": channels, "sPlaneNew": described},
    }  # fmt: skip
    loop = {"eType": 4, "uLoopPars": {"uiCount": planes, "dZStep": 0.5}}
    chunks = {
        "ImageAttributesLV!": _variant("SLxImageAttributes", attributes),
        "ImageMetadataSeqLV|0!": _variant("SLxPictureMetadata", metadata),
        "ImageMetadataLV!": _variant("SLxExperiment", loop),
    }
    frames = stack.transpose(0, 2, 3, 1)  # the channels of a pixel lie together
    chunks |= {f"ImageDataSeq|{i}!": bytes(8) + frames[i].tobytes() for i in range(planes)}
    content = bytearray(_chunk(b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0".ljust(64, b"\0")))
    places = b""
    for name, body in chunks.items():
        places += name.encode() + struct.pack("<QQ", len(content), len(body))
        room = _FRAME_NAME if name.startswith("ImageDataSeq") else len(name)
        content += _chunk(name.encode().ljust(room, b"\0"), body)
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", len(content))
    return bytes(content + _chunk(b"ND2 FILEMAP SIGNATURE NAME 0001!", places + end))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<IIQ", _CHUNK, len(name), len(body)) + name + body


def _variant(name: str, values: Mapping[str, Any]) -> bytes:
    return f'<variant version="1.0">{_node(name, values)}</variant>'.encode()


def _node(name: str, value: Any) -> str:
    if isinstance(value, dict):
        inner = "".join(_node(*one) for one in value.items())
        return f'<{name} runtype="CLxListVariant">{inner}</{name}>'
    kinds = {int: "lx_uint32", float: "double", str: "CLxStringW"}
    return f'<{name} runtype="{kinds[type(value)]}" value="{value}"/>'


def lif_file(images: Sequence[tuple[str, str, Array, Sequence[str]]]) -> bytes:
    """A LIF file of (name, axes, values, look-up table of each channel)."""
    elements, blocks = "", b""
    for number, (name, axes, values, tables) in enumerate(images):
        elements += _lif_element(number, name, axes, values, tables)
        block = f"MemBlock_{number}"
        head = struct.pack(
            "<IIBQBI", 0x70, 14 + 2 * len(block), 0x2A, values.nbytes, 0x2A, len(block)
        )
        blocks += head + block.encode("utf-16-le") + values.tobytes()
    header = (
        '<LMSDataContainerHeader Version="2"><Element Name="file" Visibility="1" CopyOption="1" '
        'UniqueID="root"><Data><Experiment/></Data><Memory Size="0" MemoryBlockID=""/><Children>'
        f"{elements}</Children></Element></LMSDataContainerHeader>"
    )
    text = header.encode("utf-16-le")
    return struct.pack("<IIBI", 0x70, 5 + len(text), 0x2A, len(header)) + text + blocks


def _lif_element(number: int, name: str, axes: str, values: Array, tables: Sequence[str]) -> str:
    strides = dict(zip(axes, np.ascontiguousarray(values).strides, strict=True))
    sizes = dict(zip(axes, values.shape, strict=True))
    channels = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="{8 * values.itemsize}" '
        f'NameOfMeasuredQuantity="" Min="0" Max="1" Unit="" LUTName="{table}" '
        f'IsLUTInverted="0" BytesInc="{i * strides.get("C", 0)}" BitInc="0"/>'
        for i, table in enumerate(tables)
    )
    dimensions = "".join(
        f'<DimensionDescription DimID="{kind}" NumberOfElements="{sizes[axis]}" Origin="0" '
        f'Length="1" Unit="m" BitInc="0" BytesInc="{strides[axis]}"/>'
        for kind, axis in enumerate("XYZT", 1)
        if axis in sizes
    )
    return (
        f'<Element Name="{name}" Visibility="1" CopyOption="1" UniqueID="u{number}"><Data>'
        f'<Image TextDescription=""><ImageDescription><Channels>{channels}</Channels>'
        f"<Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{values.nbytes}" MemoryBlockID="MemBlock_{number}"/><Children/></Element>'
    )


def slide_file(slide: Array, tile: tuple[int, int], *, sparse: bool = False) -> bytes:
    """A whole slide in DICOM, of height × width × 3, in tiles of (width, height); the edges' tiles
    are filled up. `sparse`: each frame says where it lies, the last ones first, and tiles that are
    white are left out."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.sequence import Sequence as Items
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    height, width = slide.shape[:2]
    places, frames = [], []
    for top in range(0, height, tile[1]):
        for left in range(0, width, tile[0]):
            part = np.full((tile[1], tile[0], 3), 255, np.uint8)
            cut = slide[top : top + tile[1], left : left + tile[0]]
            part[: cut.shape[0], : cut.shape[1]] = cut
            if not sparse or part.min() < 255:
                places.append((left, top))
                frames.append(part.tobytes())
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.Modality, data.PhotometricInterpretation = "SM", "RGB"
    data.SamplesPerPixel, data.PlanarConfiguration, data.PixelRepresentation = 3, 0, 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.NumberOfFrames = 7, len(frames)
    data.Columns, data.Rows = tile
    data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = width, height
    data.DimensionOrganizationType = "TILED_SPARSE" if sparse else "TILED_FULL"
    if sparse:
        places, frames, groups = places[::-1], frames[::-1], []
        for left, top in places:
            place, group = Dataset(), Dataset()
            place.ColumnPositionInTotalImagePixelMatrix = left + 1
            place.RowPositionInTotalImagePixelMatrix = top + 1
            group.PlanePositionSlideSequence = Items([place])
            groups.append(group)
        data.PerFrameFunctionalGroupsSequence = Items(groups)
    data.PixelData = b"".join(frames)
    stream = io.BytesIO()
    data.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
