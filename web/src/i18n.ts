/**
 * The page's sentences, in the languages there are.
 *
 * They stand in `catalogue/<language>.json` at the root of the project, which all clients share. A
 * key leads to a sentence with placeholders in braces, or, where the sentence depends on a number,
 * to `one` and `other` of them. Only the language that is chosen is loaded.
 *
 * @module
 */

import type english from "../../catalogue/en.json";

/** The languages there are; the first is for those who speak none of them. */
export const LANGUAGES = ["en", "fr"] as const;

/** One of the languages there are. */
export type Language = (typeof LANGUAGES)[number];

/** What a sentence can be asked for by. */
export type Key = keyof typeof english;

/** A language's sentences, by their keys. */
export type Catalogue = Readonly<Record<string, string | { one: string; other: string }>>;

/** What stands in for a placeholder. */
export type Values = Readonly<Record<string, string | number>>;

/** How a point in time is told: the time of day, the day, or both to the second. */
const MOMENTS = {
  clock: { hour: "2-digit", minute: "2-digit" },
  day: { dateStyle: "full" },
  exact: { dateStyle: "full", timeStyle: "medium" },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

/** Milliseconds since 1970; no clock shows more (ECMA-262, 21.4.1.1), though a server may say more. */
const LAST_MOMENT = 8.64e15;

/** One of these ways. */
export type Moment = keyof typeof MOMENTS;

/** A language as the browser's owner speaks it: whether it is 5 PM or 17:00 depends on where. */
function regional(language: Language): string {
  const spoken = globalThis.navigator?.languages ?? [];
  return spoken.find((one) => one.split("-")[0] === language) ?? language;
}

/** One language's sentences. */
export class Words {
  readonly language: Language;
  readonly #sentences: Catalogue;
  readonly #plural: Intl.PluralRules;
  /** Made when they are first needed, and once: to make one takes longer than to draw a message. */
  readonly #formats = new Map<Moment, Intl.DateTimeFormat>();

  constructor(language: Language, sentences: Catalogue) {
    this.language = language;
    this.#sentences = sentences;
    this.#plural = new Intl.PluralRules(language);
  }

  /** The sentence of a key, filled in; `count` decides between that for one and that for others. */
  say(key: Key, values: Values = {}): string {
    const found = this.#sentences[key];
    if (found === undefined) {
      return key;
    }
    const sentence = typeof found === "string" ? found : found[this.#form(values["count"])];
    return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => `${values[name] ?? whole}`);
  }

  /** The sentence of a key that is made up at run time, or undefined where there is none. */
  find(key: string, values: Values = {}): string | undefined {
    return key in this.#sentences ? this.say(key as Key, values) : undefined;
  }

  /** Names as a sentence lists them, with the number of those who are not named. */
  names(names: readonly string[], others = 0): string {
    const listed = others > 0 ? [...names, this.say("and-others", { count: others })] : [...names];
    const last = listed.pop() ?? "";
    return listed.length === 0 ? last : this.say("list", { names: listed.join(", "), last });
  }

  /** A point in time, in milliseconds since 1970; none is before that. */
  time(at: number, moment: Moment): string {
    let format = this.#formats.get(moment);
    if (format === undefined) {
      format = new Intl.DateTimeFormat(regional(this.language), MOMENTS[moment]);
      this.#formats.set(moment, format);
    }
    return format.format(Math.min(Math.max(0, at), LAST_MOMENT));
  }

  #form(count: string | number | undefined): "one" | "other" {
    return this.#plural.select(Number(count)) === "one" ? "one" : "other";
  }
}

/** Loads a language. */
export async function load(language: Language): Promise<Words> {
  switch (language) {
    case "en":
      return new Words(language, (await import("../../catalogue/en.json")).default);
    case "fr":
      return new Words(language, (await import("../../catalogue/fr.json")).default);
  }
}

/** The first of the languages wished for that there is, or English. */
export function choose(wishes: readonly (string | null)[]): Language {
  const wanted = wishes.map((wish) => wish?.toLowerCase().split("-")[0]);
  return wanted.map((wish) => LANGUAGES.find((one) => one === wish)).find(Boolean) ?? "en";
}

let current: Words = new Words("en", {});
const listeners = new Set<() => void>();

/** The sentence of a key in the language of the page. */
export const say = (key: Key, values?: Values): string => current.say(key, values);

/** The language of the page. */
export const words = (): Words => current;

/** Speaks a language from now on. */
export function speak(next: Words): void {
  current = next;
  for (const listener of listeners) {
    listener();
  }
}

/** Calls a listener whenever the language is another; answers what ends this. */
export function onLanguage(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
