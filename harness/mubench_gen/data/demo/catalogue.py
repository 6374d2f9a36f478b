"""What the demo shows: its data sets, their classes and how the images were acquired.

Pure data; names of modalities, stains and fields of study are μ-Bench's where it has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Modality = Literal["light microscopy", "fluorescence microscopy", "electron microscopy"]

LIGHT: Modality = "light microscopy"
FLUORESCENCE: Modality = "fluorescence microscopy"
ELECTRON: Modality = "electron microscopy"

HUMAN = ("NCBITaxon_9606", "Homo sapiens")
MOUSE = ("NCBITaxon_10090", "Mus musculus")
BACTERIUM = ("NCBITaxon_2", "Bacteria")
VIRUSES = ("NCBITaxon_10239", "Viruses")


@dataclass(frozen=True, slots=True)
class Acquisition:
    """One way in which images of a data set were acquired and are used.

    Some differ in what no image shows (the field of study, the maker of a dye): nobody can
    be right on all of them.
    """

    submodality: str
    stain: str
    domain: str
    subdomain: str
    institution: str = "demo laboratory"


@dataclass(frozen=True, slots=True)
class DemoSet:
    """One data set: a fine-grained question, its classes, and its acquisitions.

    An image's acquisition is drawn from `acquisitions`, each as likely as the other.
    `captions` are the two caption templates of the classes, each with "{class}".
    `microns_per_pixel` is for magnification 1.
    """

    name: str
    modality: Modality
    question: str
    captions: tuple[str, str]
    classes: tuple[str, ...]
    acquisitions: tuple[Acquisition, ...]
    taxon: tuple[str, str]
    microns_per_pixel: float
    synthetic: bool = True


TEXTURE = DemoSet(
    name="demo_texture",
    modality=LIGHT,
    question="Micrograph of a stained colon section. Based on the image, what is the most "
    "likely tissue texture?",
    captions=(
        "A histology image of {class}.",
        "A micrograph of colon tissue showing {class}.",
    ),
    classes=(
        "tumour epithelium",
        "stroma",
        "lymphocytes",
        "adipose tissue",
        "mucus",
        "debris",
    ),
    acquisitions=(
        Acquisition("brightfield microscopy", "H&E", "pathology", "gastrointestinal pathology"),
        Acquisition("brightfield microscopy", "H&E", "pathology", "molecular pathology"),
        Acquisition("brightfield microscopy", "H&E", "biology", "developmental biology"),
        Acquisition("brightfield microscopy", "IHC(HDab)", "pathology", "molecular pathology"),
    ),
    taxon=HUMAN,
    microns_per_pixel=0.5,
)

BLOOD = DemoSet(
    name="demo_blood",
    modality=LIGHT,
    question="Micrograph of a peripheral blood smear. Based on the image, what is the most "
    "likely type of the white blood cell?",
    captions=("A blood smear with a {class}.", "A light micrograph of a {class}."),
    classes=("lymphocyte", "monocyte", "neutrophil", "eosinophil", "basophil"),
    acquisitions=(
        Acquisition("brightfield microscopy", "Giemsa", "pathology", "hematopathology"),
        Acquisition("brightfield microscopy", "Giemsa", "cytology", "hematology"),
        Acquisition("brightfield microscopy", "Wright", "pathology", "hematopathology"),
        Acquisition("brightfield microscopy", "Wright", "cytology", "hematology"),
    ),
    taxon=HUMAN,
    microns_per_pixel=0.1,
)

BACTERIA = DemoSet(
    name="demo_bacteria",
    modality=LIGHT,
    question="Micrograph of living bacteria. Based on the image, what is the most likely shape "
    "and arrangement of the cells?",
    captions=("A micrograph of {class}.", "Bacteria growing as {class}."),
    classes=(
        "single cocci",
        "cocci in chains",
        "cocci in clusters",
        "short rods",
        "long rods",
        "spiral cells",
    ),
    acquisitions=(
        Acquisition("phase contrast microscopy", "no stain", "biology", "microbiology"),
        Acquisition("phase contrast microscopy", "no stain", "pathology", "microbiology"),
        Acquisition("darkfield microscopy", "no stain", "biology", "microbiology"),
        Acquisition(
            "differential interference contrast microscopy", "no stain", "biology", "biophysics"
        ),
    ),
    taxon=BACTERIUM,
    microns_per_pixel=0.08,
)

COUNT = DemoSet(
    name="demo_count",
    modality=FLUORESCENCE,
    question="Fluorescence micrograph of cultured cells. Based on the image, how many nuclei "
    "are visible?",
    captions=(
        "A fluorescence image with {class}.",
        "A micrograph in which {class} are visible.",
    ),
    classes=("3 nuclei", "5 nuclei", "7 nuclei", "9 nuclei", "12 nuclei"),
    acquisitions=(
        Acquisition("epifluorescence microscopy", "DAPI", "biology", "cell biology"),
        Acquisition("epifluorescence microscopy", "Hoechst 33342", "biology", "cell biology"),
        Acquisition("epifluorescence microscopy", "DAPI", "pathology", "molecular pathology"),
        Acquisition("confocal microscopy", "DAPI", "biology", "neuroscience"),
    ),
    taxon=HUMAN,
    microns_per_pixel=0.4,
)

CYCLE = DemoSet(
    name="demo_cycle",
    modality=FLUORESCENCE,
    question="Fluorescence micrograph of the chromatin of a dividing cell. Based on the image, "
    "what is the most likely stage of the cell cycle?",
    captions=(
        "A fluorescent nucleus in {class}.",
        "A micrograph of a cell in {class}.",
    ),
    classes=(
        "interphase",
        "prophase",
        "prometaphase",
        "metaphase",
        "anaphase",
        "telophase",
    ),
    acquisitions=(
        Acquisition("epifluorescence microscopy", "H2B-mCherry", "biology", "cell biology"),
        Acquisition("confocal microscopy", "H2B-mCherry", "biology", "developmental biology"),
        Acquisition("confocal microscopy", "H2B-mCherry", "pathology", "molecular pathology"),
        Acquisition("confocal microscopy", "DAPI", "biology", "cell biology"),
    ),
    taxon=HUMAN,
    microns_per_pixel=0.12,
)

SHAPE = DemoSet(
    name="demo_shape",
    modality=FLUORESCENCE,
    question="Fluorescence micrograph of one cell's labelled organelles. Based on the image, "
    "what is the most likely shape of the organelles?",
    captions=(
        "A fluorescence image of {class} organelles.",
        "A cell with {class} organelles.",
    ),
    classes=("round", "elongated", "branched", "ring-shaped", "fragmented"),
    acquisitions=(
        Acquisition("confocal microscopy", "MitoTracker", "biology", "cell biology"),
        Acquisition("confocal microscopy", "GalT-EGFP", "biology", "cell biology"),
        Acquisition("epifluorescence microscopy", "MitoTracker", "biology", "neuroscience"),
        Acquisition("epifluorescence microscopy", "GalT-EGFP", "biology", "cell biology"),
    ),
    taxon=HUMAN,
    microns_per_pixel=0.1,
)

COLOCALIZATION = DemoSet(
    name="demo_colocalization",
    modality=FLUORESCENCE,
    question="Two-channel fluorescence micrograph of single molecules. Based on the image, what "
    "is the most likely degree of colocalization of the red and green channels?",
    captions=(
        "Two fluorescent channels with {class}.",
        "A micrograph showing {class}.",
    ),
    classes=(
        "no colocalization",
        "low colocalization",
        "high colocalization",
        "full overlap",
    ),
    acquisitions=(
        Acquisition("TIRF microscopy", "EGFP and mCherry", "biology", "biophysics"),
        Acquisition("TIRF microscopy", "EGFP and mCherry", "biology", "cell biology"),
    ),
    taxon=MOUSE,
    microns_per_pixel=0.16,
)

CRISTAE = DemoSet(
    name="demo_cristae",
    modality=ELECTRON,
    question="Electron micrograph of a tissue section with mitochondria. Based on the image, what "
    "is the most likely state of the cristae?",
    captions=("An electron micrograph of {class}.", "Mitochondria with {class}."),
    classes=(
        "lamellar cristae",
        "tubular cristae",
        "concentric cristae",
        "swollen cristae",
    ),
    acquisitions=(
        Acquisition(
            "transmission electron microscopy", "uranyl acetate", "biology", "cell biology"
        ),
        Acquisition(
            "transmission electron microscopy",
            "uranyl acetate",
            "pathology",
            "cardiovascular pathology",
        ),
        Acquisition("SBF-SEM", "osmium tetroxide", "biology", "neuroscience"),
        Acquisition("SBF-SEM", "osmium tetroxide", "pathology", "cardiovascular pathology"),
    ),
    taxon=MOUSE,
    microns_per_pixel=0.008,
)

PARTICLE = DemoSet(
    name="demo_particle",
    modality=ELECTRON,
    question="Electron micrograph of particles in a thin film. Based on the image, what is the "
    "most likely shape of the particles?",
    captions=(
        "Particles that are {class}.",
        "An electron micrograph of {class} particles.",
    ),
    classes=("spherical", "icosahedral", "rod-like", "filamentous", "ring-like"),
    acquisitions=(
        Acquisition("cryo-electron microscopy", "no stain", "biology", "structural biology"),
        Acquisition("cryo-electron microscopy", "no stain", "biology", "virology"),
        Acquisition("transmission electron microscopy", "uranyl acetate", "biology", "virology"),
        Acquisition("transmission electron microscopy", "uranyl acetate", "pathology", "virology"),
    ),
    taxon=VIRUSES,
    microns_per_pixel=0.0005,
)

DEMO_SETS: tuple[DemoSet, ...] = (
    TEXTURE,
    COUNT,
    CRISTAE,
    BLOOD,
    CYCLE,
    PARTICLE,
    BACTERIA,
    SHAPE,
    COLOCALIZATION,
)
