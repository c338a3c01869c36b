import { readdirSync, readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import english from "../../catalogue/en.json" with { type: "json" };
import french from "../../catalogue/fr.json" with { type: "json" };
import { type Catalogue, choose, Words } from "../src/i18n.js";

const catalogues: Record<string, Catalogue> = { en: english, fr: french };
const source = readdirSync(new URL("../src", import.meta.url), { recursive: true })
  .map(String)
  .filter((name) => name.endsWith(".ts"))
  .map((name) => readFileSync(new URL(`../src/${name}`, import.meta.url), "utf8"))
  .join("\n");

test("every language has the same sentences with the same placeholders", () => {
  const holes = (sentence: unknown) =>
    [...new Set(JSON.stringify(sentence).match(/\{\w+\}/g))].sort();
  for (const catalogue of Object.values(catalogues)) {
    expect(Object.keys(catalogue)).toEqual(Object.keys(english));
    for (const [key, sentence] of Object.entries(english)) {
      expect(holes(catalogue[key]), key).toEqual(holes(sentence));
      expect(typeof catalogue[key], key).toBe(typeof sentence);
    }
  }
});

/** Keys that are put together from what happened on the wire. */
const MADE_UP = /^web-wire-(sent|received)$/;

test("every sentence that is the page's alone is asked for somewhere", () => {
  const unused = Object.keys(english).filter(
    (key) => key.startsWith("web-") && !source.includes(`"${key}"`) && !MADE_UP.test(key),
  );
  expect(unused).toEqual([]);
});

test("a sentence is filled in, in the form of its number", () => {
  const [en, fr] = [new Words("en", english), new Words("fr", french)];
  expect(en.say("web-unread", { count: 1 })).toBe("1 new message");
  expect(en.say("web-unread", { count: 0 })).toBe("0 new messages");
  expect(fr.say("web-unread", { count: 0 })).toBe("0 nouveau message");
  expect(en.names(["Alice", "Bob"], 3)).toBe("Alice, Bob and 3 others");
  expect(fr.names(["Alice", "Bob"])).toBe("Alice et Bob");
  expect(en.find("nothing-of-the-kind")).toBeUndefined();
});

test("the first language wished for that there is, is spoken", () => {
  expect(choose(["de-DE", "fr-CA", "en"])).toBe("fr");
  expect(choose([null, "tlh"])).toBe("en");
});

afterEach(() => vi.unstubAllGlobals());

test("times are told as where the browser's owner lives", () => {
  const at = new Date(2026, 10, 28, 17, 5).getTime();
  const told = (languages: string[], language: "en" | "fr") => {
    vi.stubGlobal("navigator", { languages });
    return new Words(language, {}).time(at, "clock");
  };
  expect(told(["fr-FR", "en-GB"], "en")).toBe("17:05");
  expect(told(["en-US"], "en")).toMatch(/^05:05\sPM$/);
  expect(told(["en-US"], "fr")).toBe("17:05");
});

test("a time that no clock shows is told as the nearest", () => {
  const words = new Words("en", {});
  for (const moment of ["clock", "day", "exact"] as const) {
    expect(words.time(Number.MIN_SAFE_INTEGER, moment)).toBe(words.time(0, moment));
    expect(words.time(Number.MAX_SAFE_INTEGER, moment)).toBe(words.time(8.64e15, moment));
  }
});
