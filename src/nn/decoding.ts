/**
 * Greedy CTC decoding: the best symbol of each frame, repeats merged, blanks dropped.
 * @param best time x n, row-major: the most probable symbol of each frame
 * @param frames [n]: how many frames of each utterance count
 */
export function greedyDecode(best: ArrayLike<number>, frames: ArrayLike<number>, blank = 0): number[][] {
  const n = frames.length;
  return Array.from({ length: n }, (_, i) => {
    const text: number[] = [];
    let previous = blank;
    for (let t = 0; t < frames[i]; t++) {
      const symbol = best[t * n + i];
      if (symbol !== blank && symbol !== previous) text.push(symbol);
      previous = symbol;
    }
    return text;
  });
}

/** The words of a text of symbols: what lies between separators; no empty ones. Each a string of its symbols. */
export function wordsOf(text: readonly number[], separator: number): string[] {
  const words: string[] = [];
  let word: number[] = [];
  for (const symbol of [...text, separator]) {
    if (symbol !== separator) word.push(symbol);
    else if (word.length > 0) {
      words.push(word.join(","));
      word = [];
    }
  }
  return words;
}
