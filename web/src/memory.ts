/**
 * What this browser remembers of somebody between two visits: name, rooms, what was seen, choices.
 *
 * Everything is kept in `localStorage`; where there is none (it may be forbidden) it lasts as long as
 * the page. The key to a name is not here: the library keeps it.
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
  seen: Record<string, Seen>;
  theme: "system" | "light" | "dark";
  language: string;
  notifications: boolean;
}

const KEY = "causerie";

const NOTHING: Memories = {
  username: "",
  rooms: [],
  current: "",
  seen: {},
  theme: "system",
  language: "",
  notifications: false,
};

/** What is remembered; what cannot be read was never written. */
export function recall(): Memories {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return typeof found === "object" ? { ...NOTHING, ...found } : { ...NOTHING };
  } catch {
    return { ...NOTHING };
  }
}

/** Remembers some of it; another tab may have changed the rest. */
export function remember(change: Partial<Memories>): Memories {
  const memories = { ...recall(), ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(memories));
  } catch {
    // There is no place: it lasts as long as the page.
  }
  return memories;
}
