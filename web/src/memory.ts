/**
 * What this browser remembers of somebody between two visits: name, rooms, what was seen, choices.
 *
 * Everything is kept in `localStorage`; where there is none (it may be forbidden, or full) it lasts as
 * long as the page. The key to a name is not here: the library keeps it.
 *
 * @module
 */

/** How far a room was seen. */
export interface Seen {
  readonly seq: number;
  readonly epoch: string;
}

/** What is remembered. */
export interface Memories {
  username: string;
  rooms: string[];
  current: string;
  /** By the room's name, those seen last at the end. */
  seen: Record<string, Seen>;
  theme: "system" | "light" | "dark";
  language: string;
  notifications: boolean;
  /** Emoji that were picked, the last one first. */
  emoji: string[];
}

const KEY = "causerie";

/** Rooms of which is remembered how far they were seen: strangers can begin any number. */
const MOST_SEEN = 300;

const NOTHING: Memories = {
  username: "",
  rooms: [],
  current: "",
  seen: {},
  theme: "system",
  language: "",
  notifications: false,
  emoji: [],
};

/** What could not be stored. */
let unstored: Memories | undefined;

/** What is remembered; what cannot be read was never written. */
export function recall(): Memories {
  if (unstored !== undefined) {
    return unstored;
  }
  try {
    return tidied(JSON.parse(localStorage.getItem(KEY) ?? "{}"));
  } catch {
    return { ...NOTHING };
  }
}

/** Remembers some of it; another tab may have changed the rest. */
export function remember(change: Partial<Memories>): Memories {
  const memories = { ...recall(), ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(memories));
    unstored = undefined;
  } catch {
    unstored = memories;
  }
  return memories;
}

/** Remembers how far rooms were seen; what another tab has seen beyond that stays seen. */
export function rememberSeen(news: ReadonlyMap<string, Seen>): void {
  const { seen } = recall();
  const kept = new Map(Object.entries(seen));
  for (const [room, now] of news) {
    const before = kept.get(room);
    kept.delete(room);
    const isBehind = before !== undefined && before.epoch === now.epoch && before.seq > now.seq;
    kept.set(room, isBehind ? before : now);
  }
  const newest = Object.fromEntries([...kept].slice(-MOST_SEEN));
  if (JSON.stringify(newest) !== JSON.stringify(seen)) {
    remember({ seen: newest });
  }
}

/** Only what has the right form: another version of this page may have written it. */
function tidied(found: unknown): Memories {
  const given = { ...NOTHING, ...(found as Partial<Memories> | null) };
  const { rooms, emoji, seen, theme } = given;
  const isSeen = ([, one]: [string, Seen]) =>
    Number.isSafeInteger(one?.seq) && typeof one?.epoch === "string";
  return {
    username: textOf(given.username),
    rooms: textsOf(rooms),
    current: textOf(given.current),
    seen: Object.fromEntries(Object.entries(seen ?? {}).filter(isSeen)),
    theme: theme === "light" || theme === "dark" ? theme : "system",
    language: textOf(given.language),
    notifications: given.notifications === true,
    emoji: textsOf(emoji),
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}
