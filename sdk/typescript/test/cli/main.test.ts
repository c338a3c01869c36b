/** The command line client whole: real processes, a real server, beside the Python one. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { freePort, Server, until } from "../support/server.js";

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));
const ROOT = join(PACKAGE, "../..");

let server: Server;
let work: string;
let program: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "causerie-cli-"));
  await cp(join(PACKAGE, "package.json"), join(work, "package.json"));
  const tsc = join(ROOT, "node_modules/.bin/tsc");
  await run(tsc, ["-p", join(PACKAGE, "tsconfig.build.json"), "--outDir", join(work, "dist")]);
  program = join(work, "dist/cli/main.js");
  server = await Server.start();
}, 60_000);
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

/** A client that runs, and what it has written. */
interface Running {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly errors: () => string;
  readonly ended: Promise<number>;
}

type Kind = "typescript" | "python";

function start(args: readonly string[], kind: Kind = "typescript", home = "home"): Running {
  const [command, ...first] =
    kind === "python" ? [join(ROOT, ".venv/bin/causerie"), "chat"] : [process.execPath, program];
  const env = {
    ...process.env,
    XDG_DATA_HOME: join(work, home),
    LC_ALL: "en",
    FORCE_COLOR: undefined,
    NO_COLOR: undefined,
  };
  const child = spawn(command ?? "", [...first, ...args], { env });
  started.push(child);
  const written = { out: "", errors: "" };
  child.stdout.setEncoding("utf-8").on("data", (text: string) => {
    written.out += text;
  });
  child.stderr.setEncoding("utf-8").on("data", (text: string) => {
    written.errors += text;
  });
  const ended = once(child, "close").then(([code]) => Number(code));
  return { child, out: () => written.out, errors: () => written.errors, ended };
}

/** Has a client say some lines, and waits for its end. */
async function say(lines: string, args: readonly string[], kind?: Kind, home?: string) {
  const client = start([...args, "--url", server.url], kind, home);
  client.child.stdin?.end(lines);
  const code = await client.ended;
  return { code, out: client.out(), errors: client.errors() };
}

/** Times and latencies are never the same twice. */
function timeless(text: string): string {
  return text
    .replaceAll(/\[\d\d:\d\d:\d\d\]/gu, "[time]")
    .replaceAll(/\(\d+ ms\)/gu, "(ms)")
    .replaceAll(/\d+[.,]\d s/gu, "seconds");
}

const SESSION = [
  "hello",
  "",
  "//slashed",
  "/who",
  "/rooms",
  "/msg nobody psst",
  "/nope",
  "/histroy",
  "/msg",
  "\u001b[31mred\u202e \u{1f468}\u200d\u{1f469} a\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
  "x".repeat(5_000),
  "/leave",
  "into the void",
  "/help",
];

describe.each(["en", "fr"])("in %s", (language) => {
  it("says the same as the Python client, word for word", async () => {
    const results = [];
    for (const kind of ["python", "typescript"] as const) {
      // Each alone in a room of its own, whose name is as long as the other's.
      const room = `${kind === "python" ? "p" : "t"}-${language}`;
      const args = ["Same", "--room", room, "--lang", language];
      const first = await say(`${SESSION.join("\n")}\n`, args, kind);
      const second = await say("/history 2\n", args, kind);
      const told = [first.out, first.errors, second.out].map((text) =>
        // In which order the answers to several questions come is not promised.
        timeless(text).replaceAll(room, "room").split("\n").sort(),
      );
      results.push({ told, codes: [first.code, second.code] });
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[0]?.codes).toEqual([1, 0]);
  });

  it.each([
    ["nobody listens", async () => `localhost:${await freePort()}`],
    ["there is no chat", async () => `${server.url}/elsewhere`],
    ["there is no such host", async () => "host.invalid"],
  ])("says as the Python client does that %s", async (_, find) => {
    const url = await find();
    const told = [];
    for (const kind of ["python", "typescript"] as const) {
      const args = ["Same", "--url", url, "--max-attempts", "1", "--lang", language];
      const client = start(args, kind);
      client.child.stdin?.end();
      told.push([await client.ended, timeless(client.errors())]);
    }
    expect(told[1]).toEqual(told[0]);
    expect(told[0]?.[0]).toBe(1);
  });
});

it("is the same person as the Python client, and another with another home", async () => {
  await expect(say("one\n", ["Shared"])).resolves.toMatchObject({ code: 0 });
  await expect(say("two\n", ["shared"], "python")).resolves.toMatchObject({ code: 0 });
  const stranger = await say("three\n", ["Shared"], "typescript", "elsewhere");
  expect(stranger.code).toBe(1);
  expect(stranger.errors).toMatch(/^causerie: The server does not let you in: /u);
  expect(stranger.errors).toMatch(/causerie: 1 line was not delivered\.\n$/u);
});

it("takes another name, and says the same of it as the Python client", async () => {
  const other = start(["Owner", "--room", "renaming", "--url", server.url], "typescript", "owner");
  await until(() => other.out().includes("alone"), "it has arrived");
  const told = [];
  for (const kind of ["python", "typescript"] as const) {
    const lines = "/name Second\ntwo\n/name Owner\nthree\n";
    const client = await say(lines, ["First", "--room", "renaming"], kind, "renaming");
    told.push([client.code, timeless(client.errors), timeless(client.out).split("\n").slice(-4)]);
  }
  expect(told[1]).toEqual(told[0]);
  expect(told[0]?.[0]).toBe(1);
  expect(told[0]?.[1]).toMatch(/^causerie: line 3: Not done: this name, or one that looks like/u);
});

it("reads a pipe to its end, and ends when all of it is stored", async () => {
  const lines = Array.from({ length: 500 }, (_, number) => `line ${number}`);
  const { code, out, errors } = await say(lines.join("\n"), ["Pipe", "--room", "long"]);
  expect([code, errors]).toEqual([0, ""]);
  const said = out.split("\n").filter((text) => text.includes("] Pipe: "));
  expect(said.map((text) => text.split(": ")[1])).toEqual(lines);
});

it("takes a random name where none is given", async () => {
  const { code, out } = await say("hi\n", ["--room", "random"]);
  expect(code).toBe(0);
  expect(out).toMatch(/You are logged in as: User\d{3}\n/u);
});

it("goes on after a crash of the server, and shows how", async () => {
  const client = start(["Steady", "--room", "crash", "--url", server.url]);
  await until(() => client.out().includes("alone"), "it has arrived");
  await server.kill();
  await until(() => client.out().includes("Reconnecting in"), "it says that it comes back");
  client.child.stdin?.write("said in between\n");
  await server.restart();
  await until(() => client.out().includes("Steady: said in between"), "it is delivered", 15_000);
  client.child.stdin?.end();
  await expect(client.ended).resolves.toBe(0);
  expect(client.out().split("said in between")).toHaveLength(2);
  expect(client.errors()).toBe("");
});

it("says why it gave up, and how much was not delivered", async () => {
  const nowhere = `localhost:${await freePort()}`;
  const client = start(["Bot", "--url", nowhere, "--max-attempts", "2"]);
  client.child.stdin?.end("one\n\ntwo\n".repeat(5));
  await expect(client.ended).resolves.toBe(1);
  expect(client.out()).toContain("(attempt 2 of 2)");
  const [why, howMuch] = client.errors().split("\n");
  expect(why).toBe(
    `causerie: Gave up after 2 attempts: nobody listens on ${nowhere} (“causerie serve” starts a ` +
      "server); --url names another server.",
  );
  expect(howMuch).toBe("causerie: 10 lines were not delivered.");
});

it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("says goodbye on %s", async (signal) => {
  const client = start(["Polite", "--room", "bye", "--url", server.url]);
  await until(() => client.out().includes("alone"), "it has arrived");
  client.child.kill(signal);
  await expect(client.ended).resolves.toBe(0);
  expect(client.out()).toMatch(/Goodbye, Polite\.\n$/u);
});

it("ends when nobody reads what it writes", async () => {
  const client = start(["Unread", "--room", "pipe", "--url", server.url]);
  await until(() => client.out().includes("alone"), "it has arrived");
  client.child.stdout?.destroy();
  client.child.stdin?.write("to be shown\n");
  await expect(client.ended).resolves.toBe(0);
});

it.each([
  [["--nope"], "nope"],
  [["--url", "ftp://x"], "--url cannot be so"],
  [["--max-attempts", "0"], "--max-attempts"],
  [["--lang", "de"], "en or fr"],
  [["One", "Two"], "one name is enough"],
])("refuses %j with 2", async (args, why) => {
  const client = start(args);
  await expect(client.ended).resolves.toBe(2);
  expect(client.errors()).toContain(why);
});

it("lists its options", async () => {
  const client = start(["--help"]);
  await expect(client.ended).resolves.toBe(0);
  for (const option of ["--url", "--room", "--max-attempts", "--plain", "--lang", "--no-color"]) {
    expect(client.out()).toContain(option);
  }
});
