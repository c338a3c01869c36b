/**
 * The blanks in a golden conversation: templates that are filled, patterns that values must match.
 *
 * Both are JSON with names in it (`$Alice`) and a few operators (objects whose keys begin with
 * `$`). How they are written is told in `protocol/conversations/README.md`. Pure: chance and time
 * come in.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** What stands in a place; undefined: nothing does. */
type Value = Json | undefined;

/** A conversation asks for what cannot be: a name nobody has set, an operator nobody knows. */
export class BadTemplate extends Error {}

/** A timestamp is in a unit if, read in it, it lies within a day of now. */
const DAY_MS = 86_400_000;

const NAME = /\$([A-Za-z]\w*(?:\.\w+)*)/g;
const WHOLE_NAME = /^\$([A-Za-z]\w*(?:\.\w+)*)$/;
/** Letters that look like no others, in whatever order: no `rn`, which is `m`, no `l` or `i`. */
const RANDOM_LETTERS = "abcdefghjkpqstuvwxyz";
/** Characters of a value that are shown to people. */
const SHOWN = 300;

const OPERATORS = new Set(["$sum", "$repeat", "$concat", "$upper", "$now"]);
const MATCHERS = new Set([
  "$is",
  "$as",
  "$not",
  "$either",
  "$above",
  "$below",
  "$contains",
  "$count",
  "$has",
  "$these",
]);

/**
 * What the names in a conversation stand for, in one run.
 *
 * A name that nothing has set is made up where its first letters say how: a capital, a username;
 * `room`, a room; `key`, a key; `id`, an id; `digits`, ten digits.
 */
export class Variables {
  readonly #chance: () => number;
  readonly #now: () => number;
  readonly #values: Map<string, Json>;

  /**
   * `chance` answers numbers in [0, 1), `now` the time in microseconds since 1970; `known` are names
   * set already.
   */
  constructor(chance: () => number, now: () => number, known: JsonObject = {}) {
    this.#chance = chance;
    this.#now = now;
    this.#values = new Map(Object.entries(known));
  }

  /** Gives a name its value. */
  set(name: string, value: Json): void {
    this.#values.set(name, value);
  }

  /** Whether a name has a value, or one can be made up. */
  knows(name: string): boolean {
    return this.#values.has(name) || maker(name) !== undefined;
  }

  /**
   * Puts values in place of names, and results in place of operators.
   *
   * @throws BadTemplate - It holds what cannot be.
   */
  fill(template: Json): Json {
    if (typeof template === "string") return this.#fillText(template);
    if (isArray(template)) return template.map((item) => this.fill(item));
    if (!isObject(template)) return template;
    const names = Object.keys(template);
    if (names.some((name) => OPERATORS.has(name))) return this.#operate(template);
    if (names.some((name) => name.startsWith("$"))) {
      throw new BadTemplate(`there is no operator like ${show(template)}`);
    }
    return Object.fromEntries(
      Object.entries(template).map(([name, value]) => [name, this.fill(value)]),
    );
  }

  /**
   * Says where a value first differs from a pattern; undefined if it matches.
   *
   * Names in the pattern that nothing has set, and that are not made up, take the value that stands
   * in their place; only if all of it matches.
   */
  mismatch(pattern: Json, value: Json): string | undefined {
    const found = new Map<string, Json>();
    const difference = this.#compare(pattern, value, "", found);
    if (difference === undefined) for (const [name, one] of found) this.#values.set(name, one);
    return difference;
  }

  // Filling.

  #fillText(text: string): Json {
    const whole = WHOLE_NAME.exec(text)?.[1];
    if (whole !== undefined) return this.#value(whole);
    return text.replace(NAME, (_, path: string) => asText(this.#value(path)));
  }

  #value(path: string): Json {
    const [name = "", ...steps] = path.split(".");
    let value = this.#values.get(name);
    if (value === undefined) {
      const make = maker(name);
      if (make === undefined) throw new BadTemplate(`nothing has set $${name}`);
      value = make(name, this.#chance);
      this.#values.set(name, value);
    }
    for (const step of steps) {
      const inner: Value =
        isObject(value) && Object.hasOwn(value, step)
          ? value[step]
          : isArray(value) && /^\d+$/.test(step)
            ? value[Number(step)]
            : undefined;
      if (inner === undefined) {
        throw new BadTemplate(`there is no ${step} in $${name}: ${show(value)}`);
      }
      value = inner;
    }
    return value;
  }

  #operate(template: JsonObject): Json {
    const { $sum, $repeat, times, $concat, $upper, $now, ...others } = template;
    const given = Object.keys(template).length;
    if (Object.keys(others).length === 0) {
      if (given === 1 && isArray($sum)) {
        return $sum.reduce((sum: number, term) => sum + this.#number(term), 0);
      }
      if (given === 2 && $repeat !== undefined && times !== undefined) {
        return asText(this.fill($repeat)).repeat(this.#integer(times));
      }
      if (given === 1 && isArray($concat)) {
        return $concat.map((part) => asText(this.fill(part))).join("");
      }
      if (given === 1 && $upper !== undefined) return asText(this.fill($upper)).toUpperCase();
      if (given === 1 && $now === "ms") return Math.floor(this.#now() / 1_000);
      if (given === 1 && $now === "s") return this.#now() / 1_000_000;
    }
    throw new BadTemplate(`there is no operator like ${show(template)}`);
  }

  #number(template: Json): number {
    const value = this.fill(template);
    if (typeof value !== "number") {
      throw new BadTemplate(`${show(template)} should be a number and is ${show(value)}`);
    }
    return value;
  }

  #integer(template: Json): number {
    const value = this.fill(template);
    if (!Number.isInteger(value)) {
      throw new BadTemplate(`${show(template)} should be an integer and is ${show(value)}`);
    }
    return value as number;
  }

  // Comparing.

  #compare(
    pattern: Json,
    value: Value,
    where: string,
    found: Map<string, Json>,
  ): string | undefined {
    if (typeof pattern === "string") {
      const name = WHOLE_NAME.exec(pattern)?.[1];
      const captured = name === undefined ? undefined : found.get(name);
      if (captured !== undefined) return equal(captured, value, where);
      if (name !== undefined && !name.includes(".") && !this.knows(name)) {
        if (value === undefined) return differs(where, "something", value);
        found.set(name, value);
        return undefined;
      }
      return equal(this.#fillText(pattern), value, where);
    }
    let expected: Json = pattern;
    if (isObject(pattern)) {
      const names = Object.keys(pattern);
      if (names.some((name) => MATCHERS.has(name))) {
        return this.#compareBy(pattern, value, where, found);
      }
      if (!names.some((name) => OPERATORS.has(name))) {
        return this.#compareObject(pattern, value, where, found);
      }
      expected = this.fill(pattern);
    }
    if (isArray(expected)) {
      if (!isArray(value) || value.length !== expected.length) {
        return differs(where, `${expected.length} elements`, value);
      }
      for (const [index, one] of expected.entries()) {
        const difference = this.#compare(one, value[index], `${where}[${index}]`, found);
        if (difference !== undefined) return difference;
      }
      return undefined;
    }
    return equal(expected, value, where);
  }

  #compareObject(
    pattern: JsonObject,
    value: Value,
    where: string,
    found: Map<string, Json>,
  ): string | undefined {
    // What is in the value and not in the pattern does no harm.
    if (!isObject(value)) return differs(where, "an object", value);
    for (const [name, one] of Object.entries(pattern)) {
      const inner = where === "" ? name : `${where}.${name}`;
      const there = Object.hasOwn(value, name) ? value[name] : undefined;
      const difference = this.#compare(one, there, inner, found);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }

  #compareBy(
    pattern: JsonObject,
    value: Value,
    where: string,
    found: Map<string, Json>,
  ): string | undefined {
    for (const [matcher, argument] of Object.entries(pattern)) {
      if (matcher === "$as") {
        if (value === undefined) return differs(where, "something", value);
        found.set(asText(this.fill(argument)), value);
        continue;
      }
      const difference = this.#holds(matcher, argument, value, where, found);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }

  #holds(
    matcher: string,
    argument: Json,
    value: Value,
    where: string,
    found: Map<string, Json>,
  ): string | undefined {
    const unless = (fits: boolean, expected: string) =>
      fits ? undefined : differs(where, expected, value);
    switch (matcher) {
      case "$is": {
        const kinds = isArray(argument) ? argument : [argument];
        return unless(
          kinds.every((kind) => this.#is(kind, value)),
          kinds.map(asText).join(" "),
        );
      }
      case "$not":
        return unless(
          this.#compare(argument, value, where, new Map()) !== undefined,
          `anything but ${show(argument)}`,
        );
      case "$either":
        return this.#either(listOf(matcher, argument), value, where, found);
      case "$above":
      case "$below": {
        const bound = this.#number(argument);
        const fits =
          typeof value === "number" && (matcher === "$above" ? value > bound : value < bound);
        return unless(fits, `a number ${matcher.slice(1)} ${bound}`);
      }
      case "$contains": {
        const text = asText(this.fill(argument));
        const fits = typeof value === "string" && value.includes(text);
        return unless(fits, `a text with ${show(text)} in it`);
      }
      case "$count": {
        const length =
          typeof value === "string" ? [...value].length : isArray(value) ? value.length : undefined;
        if (length === undefined) return unless(false, "something that has a length");
        return this.#compare(argument, length, `the length of ${where}`, found);
      }
      case "$has":
      case "$these":
        return this.#has(listOf(matcher, argument), value, where, found, matcher === "$these");
      default:
        throw new BadTemplate(`there is no matcher ${matcher}`);
    }
  }

  #is(kind: Json, value: Value): boolean {
    switch (kind) {
      case "any":
        return value !== null && value !== undefined;
      case "string":
      case "boolean":
      case "number":
        return typeof value === kind;
      case "integer":
        return Number.isInteger(value);
      case "array":
        return isArray(value);
      case "object":
        return isObject(value);
      case "ms":
        return typeof value === "number" && Math.abs(value - this.#now() / 1e3) < DAY_MS;
      case "s":
        return typeof value === "number" && Math.abs(value - this.#now() / 1e6) < DAY_MS / 1e3;
      default:
        throw new BadTemplate(`there is no kind ${show(kind)}`);
    }
  }

  #either(
    patterns: readonly Json[],
    value: Value,
    where: string,
    found: Map<string, Json>,
  ): string | undefined {
    for (const pattern of patterns) {
      const tried = new Map(found);
      if (this.#compare(pattern, value, where, tried) === undefined) {
        for (const [name, one] of tried) found.set(name, one);
        return undefined;
      }
    }
    return differs(where, `one of ${show(patterns)}`, value);
  }

  #has(
    patterns: readonly Json[],
    value: Value,
    where: string,
    found: Map<string, Json>,
    only: boolean,
  ): string | undefined {
    if (!isArray(value)) return differs(where, "an array", value);
    const left = [...value];
    for (const pattern of patterns) {
      const index = left.findIndex((one) => {
        const tried = new Map(found);
        const fits = this.#compare(pattern, one, where, tried) === undefined;
        if (fits) for (const [name, captured] of tried) found.set(name, captured);
        return fits;
      });
      if (index < 0) return differs(where, `an array with ${show(pattern)} in it`, value);
      left.splice(index, 1);
    }
    const [more] = left;
    return only && more !== undefined ? differs(where, `no ${show(more)} in it`, value) : undefined;
  }
}

/** A value as people read it: JSON, cut where it is long. */
export function show(value: Value): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}… (${text.length} characters)` : text;
}

function listOf(matcher: string, argument: Json): readonly Json[] {
  if (!isArray(argument)) throw new BadTemplate(`${matcher} takes an array: ${show(argument)}`);
  return argument;
}

function isArray(value: Value): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Value): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asText(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function equal(expected: Json, value: Value, where: string): string | undefined {
  // A server leaves out what is null, and what has its default: a field that is not there stands
  // for null, false or 0.
  const fits =
    value === undefined
      ? expected === null || expected === false || expected === 0
      : isDeepStrictEqual(expected, value);
  return fits ? undefined : differs(where, show(expected), value);
}

function differs(where: string, expected: string, value: Value): string {
  return `${where || "the frame"} should be ${expected}, and is ${show(value)}`;
}

type Maker = (name: string, chance: () => number) => string;

function maker(name: string): Maker | undefined {
  if (/^[A-Z]/.test(name)) return (_, chance) => `${name}-${drawn(8, RANDOM_LETTERS, chance)}`;
  return Object.entries(MAKERS).find(([prefix]) => name.startsWith(prefix))?.[1];
}

function drawn(count: number, from: string, chance: () => number): string {
  return Array.from({ length: count }, () => from[Math.floor(chance() * from.length)]).join("");
}

const MAKERS: Readonly<Record<string, Maker>> = {
  room: (name, chance) => `${name.toLowerCase()}-${drawn(8, RANDOM_LETTERS, chance)}`,
  key: (_, chance) => drawn(32, "0123456789abcdef", chance),
  id: (_, chance) => drawn(32, "0123456789abcdef", chance),
  digits: (_, chance) => drawn(10, "0123456789", chance),
};
