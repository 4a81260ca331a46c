/** What examples of a known fingerprint truly are (`Provenance` has the fields). */
export interface KnownExamples {
  readonly name: string;
  readonly of?: { readonly set: string; readonly training: number };
  readonly note?: string;
}

const WIKITEXT_2_TEST: KnownExamples = {
  name: "WikiText-2's test text",
  note: "validated on its validation text",
};

/**
 * Small sets of real data, by their fingerprint, which lie in the folders of larger ones. They are named here by what
 * they were made from; runs in `data/results` were trained on them. To add one, open it and take the fingerprint that
 * its provenance shows; a text also has one of its two files, `fingerprintOf("files", ...)` of their SHA-256, which
 * holds for every vocabulary and limit.
 */
export const KNOWN: Readonly<Record<string, KnownExamples>> = {
  // 9,000 images out of the 10,000 of t10k-images, under the name of train-images
  c807f65a9a78ad34: { name: "MNIST's test set", of: { set: "MNIST", training: 54_000 } },
  // 10,000 images, stored as JPEG and decoded again
  b4e9d61b99bd87c7: {
    name: "CIFAR-10",
    of: { set: "CIFAR-10", training: 45_000 },
    note: "compressed as JPEG",
  },
  // 216 + 48 utterances of 3 to 6 digits each by 6 speakers, put together from single words
  "35ae109a85deb9c9": { name: "spoken digits (Free Spoken Digit Dataset) in LibriSpeech's layout" },
  // wiki.test.tokens and wiki.valid.tokens of WikiText-2 under the names wiki.train.tokens and wiki.valid.tokens
  e0db938327e8174a: WIKITEXT_2_TEST, // the files
  "6c64aa7eb36cd0a7": WIKITEXT_2_TEST, // 8192 whole words
};
