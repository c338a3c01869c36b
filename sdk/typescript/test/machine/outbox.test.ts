import fc from "fast-check";
import { expect, test } from "vitest";
import { NOW } from "../../src/machine/earliest.js";
import { OutboxFull } from "../../src/machine/index.js";
import { type Lane, Outbox, type Saying } from "../../src/machine/outbox.js";

const LOBBY: Lane = "room:lobby";
const GARDEN: Lane = "room:garden";
const ANY = () => true;
const NONE = () => false;
const HISTORY = { type: "history", room: "lobby" } as const;

function hi(id: string): Saying {
  return { type: "message", id, room: "lobby", content: id };
}

function filled(ids: string, limit = 100): Outbox {
  const outbox = new Outbox(limit);
  for (const id of ids) outbox.add(id, LOBBY, hi(id));
  return outbox;
}

function sendAll(outbox: Outbox, now = 0): string {
  let sent = "";
  for (let lane = outbox.ready(ANY, now); lane !== undefined; lane = outbox.ready(ANY, now)) {
    const item = outbox.take(lane);
    item.firstTried = 1;
    sent += item.id;
  }
  return sent;
}

/** Refuses a command that is under way: it is to go again. */
function refuse(outbox: Outbox, id: string, until: number): void {
  const item = outbox.answered(id);
  if (item === undefined) throw new Error(`${id} is not under way`);
  outbox.again(item, until);
}

test("commands leave in the order in which they were given", () => {
  const outbox = filled("abc");
  expect(sendAll(outbox)).toBe("abc");
  expect(outbox.ready(ANY, 0)).toBeUndefined();
  expect(outbox.size, "they wait for their answers").toBe(3);
});

test("lanes take turns, so that a long one holds up no other", () => {
  const outbox = filled("abc");
  outbox.add("g", GARDEN, hi("g"));
  expect(sendAll(outbox)).toBe("agbc");
});

test("a lane that may not send waits, and the others do not", () => {
  const outbox = filled("a");
  outbox.add("g", GARDEN, hi("g"));
  expect(outbox.ready((lane) => lane === GARDEN, 0)).toBe(GARDEN);
  expect(outbox.ready(NONE, 0)).toBeUndefined();
  expect(outbox.deadline(NONE)).toBeUndefined();
  expect(outbox.deadline((lane) => lane === GARDEN)).toBe(NOW);
});

test("a lane without commands has nothing to take", () => {
  expect(() => filled("").take(LOBBY)).toThrow("not kept");
});

test("an answer ends the wait once", () => {
  const outbox = filled("ab");
  expect(outbox.answered("a"), "it was not sent yet").toBeUndefined();
  sendAll(outbox);
  expect(outbox.answered("a")?.id).toBe("a");
  expect(outbox.answered("a")).toBeUndefined();
  expect(outbox.answered(undefined)).toBeUndefined();
  expect(outbox.size).toBe(1);
});

test("after a cut all goes again in the old order", () => {
  const outbox = filled("abcd");
  for (let count = 0; count < 3; count += 1) outbox.take(LOBBY);
  outbox.answered("b");
  outbox.cut();
  expect(sendAll(outbox)).toBe("acd");
});

test("after a cut lanes go again in the order in which they were served", () => {
  const outbox = new Outbox(10);
  for (const id of "abc") {
    outbox.add(id, `room:${id}`, { type: "message", id, room: id, content: id });
  }
  for (const id of "ab") outbox.take(`room:${id}`);
  outbox.cut();
  expect(sendAll(outbox)).toBe("cab");
});

test("what is to go again keeps its place, and its lane rests", () => {
  const outbox = filled("abc");
  outbox.take(LOBBY);
  outbox.take(LOBBY);
  refuse(outbox, "b", 5_000);
  refuse(outbox, "a", 3_000);
  expect(outbox.ready(ANY, 4_999)).toBeUndefined();
  expect(outbox.deadline(ANY), "the longest rest counts").toBe(5_000);
  expect(sendAll(outbox, 5_000)).toBe("abc");
});

test("a cut ends all rests", () => {
  const outbox = filled("a");
  outbox.take(LOBBY);
  refuse(outbox, "a", 99_000);
  outbox.cut();
  expect(sendAll(outbox)).toBe("a");
});

test("a full outbox says so and keeps nothing of the new", () => {
  const outbox = filled("ab", 2);
  outbox.take(LOBBY);
  expect(() => outbox.add("c", LOBBY, hi("c"))).toThrow(OutboxFull);
  expect(outbox.items().map(({ id }) => id)).toEqual(["a", "b"]);
  outbox.add("d", "ask:", HISTORY, true);
  expect(outbox.size).toBe(3);
});

test("what was never sent can be withdrawn", () => {
  const outbox = filled("ab");
  expect(outbox.withdraw("x")).toBeUndefined();
  expect(outbox.withdraw("a")?.firstTried).toBeUndefined();
  expect(outbox.find("a")).toBeUndefined();
  expect(sendAll(outbox)).toBe("b");
});

test("the last of a resting lane takes the rest with it", () => {
  const outbox = filled("a");
  outbox.take(LOBBY);
  refuse(outbox, "a", 99_000);
  expect(outbox.withdraw("a")?.id).toBe("a");
  expect(outbox.deadline(ANY)).toBeUndefined();
  outbox.add("b", LOBBY, hi("b"));
  expect(sendAll(outbox)).toBe("b");
});

test("what the server may have taken is not withdrawn, and a question is", () => {
  const outbox = filled("a");
  outbox.add("q", "ask:", HISTORY);
  sendAll(outbox);
  expect(outbox.withdraw("a")).toBeUndefined();
  expect(outbox.withdraw("q")?.firstTried).toBe(1);
  outbox.cut();
  expect(outbox.items().map(({ id, inDoubt }) => [id, inDoubt])).toEqual([["a", true]]);
  expect(outbox.withdraw("a")).toBeUndefined();
});

test("what the server has refused is not in doubt and can be withdrawn", () => {
  const outbox = filled("a");
  outbox.take(LOBBY);
  refuse(outbox, "a", 99_000);
  outbox.cut();
  expect(outbox.find("a")?.inDoubt).toBe(false);
  expect(outbox.withdraw("a")?.id).toBe("a");
});

test("at the end everything is answered in order and nothing is left", () => {
  const outbox = filled("abc");
  outbox.take(LOBBY);
  expect(outbox.clear().map(({ id }) => id)).toEqual(["a", "b", "c"]);
  expect(outbox.size).toBe(0);
  expect(outbox.ready(ANY, 0)).toBeUndefined();
});

test("whatever happens nothing is lost, doubled or out of its lane's order", () => {
  const steps = fc.array(fc.constantFrom("add", "send", "answer", "again", "cut"), {
    maxLength: 60,
    size: "max",
  });
  fc.assert(
    fc.property(steps, (course) => {
      const outbox = new Outbox(1_000);
      let given = 0;
      let underWay: string[] = [];
      const log: number[] = [];
      for (const step of course) {
        const lane = outbox.ready(ANY, 0);
        if (step === "add") {
          outbox.add(`${given}`, LOBBY, hi(`${given}`));
          given += 1;
        } else if (step === "send" && lane !== undefined) {
          underWay.push(outbox.take(lane).id);
        } else if (step === "answer" && underWay.length > 0) {
          log.push(Number(outbox.answered(underWay.shift())?.id));
        } else if (step === "again") {
          // All that is under way is refused, as a server does that can do nothing now.
          for (const id of underWay) refuse(outbox, id, 0);
          underWay = [];
        } else if (step === "cut") {
          outbox.cut();
          underWay = [];
        }
      }
      const waiting = outbox.items().map(({ id }) => Number(id));
      expect(log).toEqual([...log].sort((one, other) => one - other));
      expect([...log, ...waiting]).toEqual(Array.from({ length: given }, (_, index) => index));
    }),
  );
});
