import { type Random, randomStream } from "../../core/random.js";

/** Words by part of speech; those of open classes are made of syllables. */
const DETERMINERS = { singular: ["the", "a", "this", "every"], plural: ["the", "some", "these", "many"] };
const PREPOSITIONS = ["of", "in", "near", "under", "with", "from"];
const CONJUNCTIONS = ["and", "while", "because", "but"];
const TOPICS = 6;

/**
 * Generated text of WikiText's form: lines of about ten sentences, about 300 different words, from a probabilistic
 * grammar. What a model can learn, from near to far: the order of parts of speech; that noun and verb agree in number
 * across what stands between them; that the words of a line share one topic. Within a class words follow Zipf's law.
 * A function of `count` and the stream `standin/grammar/<split>` alone (the lexicon is the same for both splits).
 * @param count at least this many words in all
 */
export function grammar(count: number, split: "training" | "validation"): string[][] {
  const random = randomStream(0, `standin/grammar/${split}`);
  const lexicon = makeLexicon();
  const lines: string[][] = [];
  for (let words = 0; words < count; words += lines[lines.length - 1].length) {
    const topic = random.integer(TOPICS);
    lines.push(Array.from({ length: 6 + random.integer(8) }, () => sentence(lexicon, topic, random)).flat());
  }
  return lines;
}

interface Lexicon {
  readonly nouns: readonly string[];
  readonly verbs: readonly string[];
  readonly adjectives: readonly string[];
}

function makeLexicon(): Lexicon {
  const random = randomStream(0, "standin/grammar/lexicon");
  const seen = new Set<string>();
  const word = (): string => {
    for (;;) {
      const text = Array.from({ length: 2 + random.integer(2) }, () => syllable(random)).join("");
      if (seen.has(text)) continue;
      seen.add(text);
      return text;
    }
  };
  const list = (length: number): string[] => Array.from({ length }, word);
  return { nouns: list(72), verbs: list(42), adjectives: list(36) };
}

function syllable(random: Random): string {
  return pick([..."bdfgklmnprstvz"], random) + pick([..."aeiou"], random);
}

/** Subject, verb, object; sometimes a second clause. */
function sentence(lexicon: Lexicon, topic: number, random: Random): string[] {
  const clause = (): string[] => {
    const plural = random.uniform() < 0.4;
    const verb = ofTopic(lexicon.verbs, topic, random);
    return [
      ...nounPhrase(lexicon, topic, plural, 0.3, random),
      plural ? verb : `${verb}s`,
      ...nounPhrase(lexicon, topic, random.uniform() < 0.4, 0.15, random),
    ];
  };
  return random.uniform() < 0.3 ? [...clause(), pick(CONJUNCTIONS, random), ...clause()] : clause();
}

/** Determiner, adjectives, noun, and with probability `more` a preposition and another noun phrase. */
function nounPhrase(
  lexicon: Lexicon,
  topic: number,
  plural: boolean,
  more: number,
  random: Random,
): string[] {
  const noun = ofTopic(lexicon.nouns, topic, random);
  const words = [pick(plural ? DETERMINERS.plural : DETERMINERS.singular, random)];
  if (random.uniform() < 0.4) words.push(ofTopic(lexicon.adjectives, topic, random));
  words.push(plural ? `${noun}n` : noun);
  if (random.uniform() >= more) return words;
  const inner = nounPhrase(lexicon, topic, random.uniform() < 0.4, more / 2, random);
  return [...words, pick(PREPOSITIONS, random), ...inner];
}

/** A word of the topic's share of `words` (4 times in 5), else any; the nth of them with probability about 1/n. */
function ofTopic(words: readonly string[], topic: number, random: Random): string {
  const share = words.length / TOPICS;
  const own = random.uniform() < 0.8;
  const choices = own ? words.slice(topic * share, (topic + 1) * share) : words;
  const zipf = Math.floor(choices.length ** random.uniform()); // 1 .. length, density about 1/n
  return choices[Math.min(zipf, choices.length) - 1];
}

function pick<T>(choices: readonly T[], random: Random): T {
  return choices[random.integer(choices.length)];
}
