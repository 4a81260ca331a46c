import type { RemoteFile } from "./download.js";

/** The public data sets by the names that `spectral data` takes. */
export type DataName = "mnist" | "cifar10" | "librispeech" | "wikitext103" | "gpt-neox-20b";

/** One way to get the files of a part. */
export interface Bundle {
  readonly files: readonly RemoteFile[];
  /** "none": the files are the data. "parquet": rows of text to be written as .tokens files. */
  readonly unpacking: "none" | "tar.gz" | "zip" | "parquet";
  /** Folder that it unpacks to, where that is not the part's. */
  readonly folder?: string;
}

/** Places and names in which people have the files of a part. */
export interface Layout {
  /** Folders below the data root, the usual one first. */
  readonly folders: readonly string[];
  /** Names of a needed file below such a folder, the usual one first. */
  names(need: string): readonly string[];
}

/** A folder of a data set that is there as a whole or not at all. */
export interface Part {
  /** Path below the data root, as the public archive unpacks. */
  readonly folder: string;
  /** Files that must be in it. Empty: the folder itself is the sign. */
  readonly needs: readonly string[];
  /** Folders and names that are accepted, tried in order; default the part's folder and `needs`. */
  readonly layouts?: readonly Layout[];
  /** Ways to get it, tried in order. */
  readonly bundles: readonly Bundle[];
}

export interface PublicSet {
  readonly name: DataName;
  /** What pages call it. */
  readonly title: string;
  readonly licence: string;
  /** What is trained on where it is absent: "generated digits"; absent where nothing can take its place. */
  readonly generated?: string;
  readonly parts: readonly Part[];
}

// Every SHA-256 below is published by at least two independent loaders (TensorFlow Datasets, torchaudio, MLDatasets.jl,
// red-datasets and others) and every MD5 by torchvision, torchtext, the CIFAR-10 page or OpenSLR. The Parquet files and
// tokenizer.json have no checksum that we could confirm: their form is checked, and `verify` uses what was recorded.

const mnistFile = (
  name: string,
  bytes: number,
  md5: string,
  sha256: string,
  plainSha256: string,
): RemoteFile => ({
  name: `${name}.gz`,
  urls: [
    `https://ossci-datasets.s3.amazonaws.com/mnist/${name}.gz`,
    `https://storage.googleapis.com/cvdf-datasets/mnist/${name}.gz`,
  ],
  bytes,
  md5,
  sha256,
  plainSha256,
  form: "gzip",
});

/** Each name as it is, then gzipped. */
const orGzipped = (names: readonly string[]): string[] => names.flatMap((name) => [name, `${name}.gz`]);

/** MNIST as torchvision and Kaggle have it: other folders, a dot in the name, each file in a folder of its name. */
const MNIST_LAYOUTS: readonly Layout[] = [
  {
    folders: ["mnist", "MNIST", "MNIST/raw", "mnist/raw", "mnist/MNIST/raw", "MNIST/MNIST/raw"],
    names: (need) => {
      const dotted = need.replace(/-(idx\d)/, ".$1");
      const inside = [need, dotted].flatMap((above) => [`${above}/${need}`, `${above}/${dotted}`]);
      return orGzipped([need, dotted, ...inside]);
    },
  },
];

const CIFAR10_FOLDERS = ["", "cifar10/", "CIFAR10/", "cifar-10/", "CIFAR-10/", "cifar/"];

/** CIFAR-10's binary version, then its Python version, each also in a folder of the set's name. */
const CIFAR10_LAYOUTS: readonly Layout[] = [
  {
    folders: CIFAR10_FOLDERS.flatMap((above) => [
      `${above}cifar-10-batches-bin`,
      ...(above ? [above.slice(0, -1)] : []),
    ]),
    names: (need) => orGzipped([need]),
  },
  {
    folders: CIFAR10_FOLDERS.flatMap((above) => [
      `${above}cifar-10-batches-py`,
      ...(above ? [above.slice(0, -1)] : []),
    ]),
    names: (need) => orGzipped([need.replace(/\.bin$/, "")]),
  },
];

const openSlr = (name: string, bytes: number, md5: string, sha256: string, unpackedLimit: number): Part => ({
  folder: `LibriSpeech/${name}`,
  needs: [],
  bundles: [
    {
      unpacking: "tar.gz",
      files: [
        {
          name: `${name}.tar.gz`,
          urls: ["www.openslr.org", "us.openslr.org", "openslr.elda.org"].map(
            (host) => `https://${host}/resources/12/${name}.tar.gz`,
          ),
          bytes,
          md5,
          sha256,
          unpackedLimit,
          form: "gzip",
        },
      ],
    },
  ],
});

const wikitextParquet = (name: string): RemoteFile => ({
  name,
  urls: [`https://huggingface.co/datasets/Salesforce/wikitext/resolve/main/wikitext-103-v1/${name}`],
  form: "parquet",
});

export const PUBLIC_SETS: Readonly<Record<DataName, PublicSet>> = {
  mnist: {
    name: "mnist",
    title: "MNIST",
    generated: "generated digits",
    licence: "LeCun, Cortes and Burges; CC BY-SA 3.0",
    parts: [
      {
        folder: "mnist",
        needs: [
          "train-images-idx3-ubyte",
          "train-labels-idx1-ubyte",
          "t10k-images-idx3-ubyte",
          "t10k-labels-idx1-ubyte",
        ],
        layouts: MNIST_LAYOUTS,
        bundles: [
          {
            unpacking: "none",
            files: [
              mnistFile(
                "train-images-idx3-ubyte",
                9912422,
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
              ),
              mnistFile(
                "train-labels-idx1-ubyte",
                28881,
                "d53e105ee54ea40749a09fcbcd1e9432",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
              ),
              mnistFile(
                "t10k-images-idx3-ubyte",
                1648877,
                "9fb629c4189551a2d022fa330f9573f3",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
              ),
              mnistFile(
                "t10k-labels-idx1-ubyte",
                4542,
                "ec29112dd5afa0611ce80d1b7f02629c",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
              ),
            ],
          },
        ],
      },
    ],
  },
  cifar10: {
    name: "cifar10",
    title: "CIFAR-10",
    generated: "generated textures",
    licence: "Krizhevsky 2009; for research",
    parts: [
      {
        folder: "cifar-10-batches-bin",
        needs: [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`).concat("test_batch.bin"),
        layouts: CIFAR10_LAYOUTS,
        bundles: [
          {
            unpacking: "tar.gz",
            files: [
              {
                name: "cifar-10-binary.tar.gz",
                urls: [
                  "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                  "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz",
                ],
                bytes: 170052171,
                md5: "c32a1d4ab5d03f1284b67883e8d87530",
                sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                unpackedLimit: 2 ** 28,
                form: "gzip",
              },
            ],
          },
          {
            unpacking: "tar.gz",
            folder: "cifar-10-batches-py",
            files: [
              {
                name: "cifar-10-python.tar.gz",
                urls: ["https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"],
                bytes: 170498071,
                md5: "c58f30108f718f92721af3b95e74349a",
                sha256: "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                unpackedLimit: 2 ** 28,
                form: "gzip",
              },
            ],
          },
        ],
      },
    ],
  },
  librispeech: {
    name: "librispeech",
    title: "LibriSpeech",
    generated: "generated tones",
    licence: "Panayotov et al. 2015; CC BY 4.0",
    parts: [
      openSlr(
        "train-clean-100",
        6387309499,
        "2a93770f6d5c6c964bc36631d331a522",
        "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
        8 * 2 ** 30,
      ),
      openSlr(
        "dev-clean",
        337926286,
        "42e2234ba48799c1f50f24a7926300a1",
        "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
        2 ** 30,
      ),
    ],
  },
  wikitext103: {
    name: "wikitext103",
    title: "WikiText-103",
    generated: "generated grammar",
    licence: "Merity et al. 2016; CC BY-SA 3.0",
    parts: [
      {
        folder: "wikitext-103",
        needs: ["wiki.train.tokens", "wiki.valid.tokens"],
        bundles: [
          {
            unpacking: "zip",
            files: [
              {
                name: "wikitext-103-v1.zip",
                urls: [
                  "https://wikitext.smerity.com/wikitext-103-v1.zip",
                  "https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-103-v1.zip",
                ],
                md5: "9ddaacaf6af0710eda8c456decff7832",
                sha256: "242ba0f20b329cfdf1ccc61e9e9e5b59becf189db7f7a81cd2a0e2fc31539590",
                unpackedLimit: 2 ** 30,
                form: "zip",
              },
            ],
          },
          {
            unpacking: "parquet",
            files: [
              wikitextParquet("train-00000-of-00002.parquet"),
              wikitextParquet("train-00001-of-00002.parquet"),
              wikitextParquet("validation-00000-of-00001.parquet"),
            ],
          },
        ],
      },
    ],
  },
  "gpt-neox-20b": {
    name: "gpt-neox-20b",
    title: "GPT-NeoX-20B tokeniser",
    licence: "EleutherAI; Apache 2.0",
    parts: [
      {
        folder: "gpt-neox-20b",
        needs: ["tokenizer.json"],
        bundles: [
          {
            unpacking: "none",
            files: [
              {
                name: "tokenizer.json",
                urls: ["https://huggingface.co/EleutherAI/gpt-neox-20b/resolve/main/tokenizer.json"],
                form: "json",
              },
            ],
          },
        ],
      },
    ],
  },
};
