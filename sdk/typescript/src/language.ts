/**
 * The sentences of the library and of the terminal client, in the languages there are.
 *
 * A key leads to a sentence with placeholders in braces, or, where the sentence depends on a number,
 * to `one` and `other` of them.
 *
 * @module
 */

import { CATALOGUE, type Sentence } from "./generated/catalogue.js";

/** The languages there are; the first is for those who speak none of them. */
export const LANGUAGES = ["en", "fr"] as const;
export type Language = (typeof LANGUAGES)[number];

/** The first that is set decides (POSIX.1-2017, 8.2). */
const VARIABLES = ["LC_ALL", "LC_MESSAGES", "LANG"];

/** What fills a sentence's placeholders. */
export interface Values {
  readonly [name: string]: string | number;
}

/** One language's sentences, by their keys. */
export class Words {
  readonly language: Language;
  readonly #sentences: Readonly<Record<string, Sentence>>;

  constructor(language: Language) {
    this.language = language;
    this.#sentences = CATALOGUE[language];
  }

  /**
   * Returns a sentence with its placeholders filled in. The value of `count` decides between the
   * sentence for one and that for others.
   */
  say(key: string, values: Values = {}): string {
    const sentence = this.#sentences[key];
    if (sentence === undefined) throw new RangeError(`there is no sentence ${key}`);
    const text =
      typeof sentence === "string" ? sentence : sentence[this.#isOne(values) ? "one" : "other"];
    return text.replaceAll(/\{(\w+)\}/gu, (_, name: string) => String(values[name]));
  }

  /** Returns names as a sentence lists them, with the number of those who are not named. */
  names(names: readonly string[], others = 0): string {
    const listed = others > 0 ? [...names, this.say("and-others", { count: others })] : names;
    const last = listed.at(-1) ?? "";
    if (listed.length <= 1) return last;
    return this.say("list", { names: listed.slice(0, -1).join(", "), last });
  }

  /** Returns a number with one digit after the point. */
  decimal(number: number): string {
    return number.toFixed(1).replace(".", this.say("decimal-point"));
  }

  // Unicode CLDR's plural rules: in French, nothing is one.
  #isOne({ count }: Values): boolean {
    return count === 1 || (count === 0 && this.language === "fr");
  }
}

/** The language of the environment, as far as there is one. */
export function environmentLanguage(environment: Readonly<NodeJS.ProcessEnv>): Language {
  return knownLanguage(VARIABLES.map((name) => environment[name]).find((value) => value) ?? "");
}

/** The language of a locale (`fr-CA`, `fr_CA.UTF-8`), or the first where it has none. */
export function knownLanguage(locale: string): Language {
  const language = locale.split(/[-_.]/u)[0]?.toLowerCase();
  return LANGUAGES.find((known) => known === language) ?? LANGUAGES[0];
}
