/** The arguments of a CTC loss (see FusedOps.ctc), checked. */
export interface CtcArguments {
  /** Row-major batch x longest; entries beyond `labelLengths` are not read. */
  readonly labels: Int32Array;
  /** Frames of each utterance. */
  readonly frames: Int32Array;
  readonly labelLengths: Int32Array;
  readonly blank: number;
}

/**
 * Checks the arguments of a CTC loss against the shape of its logits and returns the longest label row.
 * @throws RangeError naming the utterance and what is wrong with it
 */
export function checkCtc([time, batch, classes]: readonly number[], args: CtcArguments): number {
  const { labels, frames, labelLengths, blank } = args;
  const longest = labels.length / batch;
  if (!Number.isInteger(longest) || frames.length !== batch || labelLengths.length !== batch) {
    throw new RangeError(
      `ctc: expected ${batch} rows of labels, ${batch} frame counts and ${batch} label lengths, ` +
        `found ${labels.length} labels, ${frames.length} and ${labelLengths.length}`,
    );
  }
  if (blank < 0 || blank >= classes)
    throw new RangeError(`ctc: blank ${blank} is not one of ${classes} classes`);
  for (let b = 0; b < batch; b++) {
    if (frames[b] < 1 || frames[b] > time) {
      throw new RangeError(`ctc: utterance ${b} has ${frames[b]} frames; expected 1 to ${time}`);
    }
    if (labelLengths[b] < 0 || labelLengths[b] > longest) {
      throw new RangeError(`ctc: utterance ${b} has ${labelLengths[b]} labels; expected 0 to ${longest}`);
    }
    for (let i = 0; i < labelLengths[b]; i++) {
      const label = labels[b * longest + i];
      if (label < 0 || label >= classes || label === blank) {
        throw new RangeError(
          `ctc: utterance ${b} has label ${label} at ${i}; expected 0 to ${classes - 1} but ${blank}`,
        );
      }
    }
  }
  return longest;
}
