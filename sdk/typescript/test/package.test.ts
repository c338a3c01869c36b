/** The package as npm delivers it: packed, installed into an empty project, run and type-checked. */

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Server } from "./support/server.js";

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL("../", import.meta.url));
const ROOT = join(PACKAGE, "../..");
const TSC = join(ROOT, "node_modules/.bin/tsc");

let work: string;
let project: string;
let packed: string[];

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "causerie-package-"));
  project = join(work, "project");
  const copy = join(work, "copy");
  await mkdir(project);
  await mkdir(copy);
  for (const file of ["package.json", "README.md", "LICENSE"]) {
    await cp(join(PACKAGE, file), join(copy, file));
  }
  await run(TSC, ["-p", join(PACKAGE, "tsconfig.build.json"), "--outDir", join(copy, "dist")]);
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts"], { cwd: copy });
  const report: unknown = JSON.parse(stdout);
  const [pack] = Array.isArray(report) ? report : Object.values(report as object);
  packed = pack.files.map((file: { path: string }) => file.path);
  await writeFile(join(project, "package.json"), '{"type": "module", "private": true}');
  const tarball = join(copy, pack.filename);
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball], { cwd: project });
}, 60_000);

afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

it("holds the built library and nothing else", () => {
  expect(packed).toEqual(
    expect.arrayContaining(["dist/index.js", "dist/index.d.ts", "README.md", "LICENSE"]),
  );
  const known = /^(dist\/.*\.(js|d\.ts|js\.map)|README\.md|LICENSE|package\.json)$/u;
  expect(packed.filter((path) => !known.test(path))).toEqual([]);
});

it("brings no dependency with it", async () => {
  const manifest = JSON.parse(await readFile(join(project, "package-lock.json"), "utf-8"));
  expect(Object.keys(manifest.packages)).toEqual(["", "node_modules/@causerie/client"]);
});

const PROGRAM = `
import { connect, MemoryStorage } from "@causerie/client";
const [url, wanted] = process.argv.slice(2);
if (wanted === "without") delete globalThis.WebSocket;
const chat = await connect(url, "Packed", { storage: new MemoryStorage(), key: "k".repeat(22) });
await chat.join("lobby");
const { seq } = await chat.send("from a package");
const page = await chat.history("lobby");
console.log(JSON.stringify([seq > 0, page.entries.at(-1)?.content]));
await chat.close();
`;

it("talks to a real server, from a project that has it alone", async () => {
  const server = await Server.start();
  try {
    await writeFile(join(project, "program.js"), PROGRAM);
    const { stdout } = await run("node", ["program.js", server.url], { cwd: project });
    expect(JSON.parse(stdout)).toEqual([true, "from a package"]);
    const bin = join(project, "node_modules/.bin/causerie-chat");
    const said = run(bin, ["Packed2", "--url", server.url, "--lang", "en"], {
      env: { ...process.env, XDG_DATA_HOME: work },
    });
    said.child.stdin?.end("by the command\n");
    expect((await said).stdout).toContain("Packed2: by the command");
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

it("says what to install where there is no WebSocket, and then needs no more", async () => {
  const server = await Server.start();
  try {
    await writeFile(join(project, "program.js"), PROGRAM);
    const without = ["program.js", server.url, "without"];
    await expect(run("node", without, { cwd: project })).rejects.toThrow("npm install ws");
    const ws = join(project, "node_modules/ws");
    await cp(join(ROOT, "node_modules/ws"), ws, { recursive: true });
    try {
      const { stdout } = await run("node", without, { cwd: project });
      expect(JSON.parse(stdout)).toEqual([true, "from a package"]);
    } finally {
      await rm(ws, { recursive: true });
    }
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

it.each([
  ["en", /^causerie: this Node \(v[\d.]+\) has no WebSocket: .*npm install ws/u],
  ["fr", /^causerie: ce Node \(v[\d.]+\) n’a pas de WebSocket : .*npm install ws/u],
])("says so in a terminal in %s, and then talks", async (language, told) => {
  const server = await Server.start();
  const say = () => {
    const args = ["Old", "--url", server.url, "--lang", language];
    // As Node 20 is.
    const env = {
      ...process.env,
      NODE_OPTIONS: "--no-experimental-websocket",
      XDG_DATA_HOME: work,
    };
    const said = run(join(project, "node_modules/.bin/causerie-chat"), args, { env });
    said.child.stdin?.end("from an old Node\n");
    return said;
  };
  const ws = join(project, "node_modules/ws");
  try {
    await expect(say()).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(told) });
    await cp(join(ROOT, "node_modules/ws"), ws, { recursive: true });
    expect((await say()).stdout).toContain("Old: from an old Node");
  } finally {
    await rm(ws, { recursive: true, force: true });
    await server[Symbol.asyncDispose]();
  }
});

const CONSUMER = `
import { type Client, connect, type Receipt, type State } from "@causerie/client";
import { Machine } from "@causerie/client/machine";

const chat: Client = await connect("ws://localhost:8080", "Alice", { maxAttempts: 3 });
const state: State["state"] = chat.state.state;
const delivery = chat.send("hello", "lobby", { replyTo: "x" });
const id: string = delivery.id;
const receipt: Receipt = await delivery;
const stop: () => void = chat.on("message", (entry) => entry.content.trim());
chat.on("StateChanged", ({ state }) => state.state satisfies State["state"]);
chat.on("*", (event) => ("event" in event ? event.event : event.type));
for await (const event of chat.events) {
  if ("type" in event && event.type === "private") console.log(event.from, event.to);
}
new Machine("Alice", { key: "k".repeat(22), newId: () => id, chance: () => 0.5 }).close();
console.log(state, receipt.seq, stop);
// @ts-expect-error there is no such event
chat.on("nonsense", () => undefined);
`;

it.each([
  ["for Node", { module: "nodenext", moduleResolution: "nodenext", lib: ["es2022", "dom"] }],
  ["for a bundler", { module: "esnext", moduleResolution: "bundler", lib: ["es2022", "dom"] }],
])("has types that hold in a strict project %s", async (_, options) => {
  await writeFile(join(project, "consumer.ts"), CONSUMER);
  const compilerOptions = {
    ...options,
    target: "es2022",
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: false,
    types: [],
  };
  await writeFile(
    join(project, "tsconfig.json"),
    JSON.stringify({ compilerOptions, files: ["consumer.ts"] }),
  );
  await expect(run(TSC, ["-p", project])).resolves.toMatchObject({ stdout: "" });
});

it("pulls nothing of Node into a page, and resolves there to the browser's side", async () => {
  const manifest = JSON.parse(await readFile(join(PACKAGE, "package.json"), "utf-8"));
  const seen = new Set<string>();
  const imports = /(?:from|import)\s*\(?\s*"([^"]+)"/gu;
  const walk = async (path: string): Promise<void> => {
    if (seen.has(path)) return;
    seen.add(path);
    const text = await readFile(path, "utf-8");
    for (const [, specifier = ""] of text.replaceAll(/\/\*[\s\S]*?\*\//gu, "").matchAll(imports)) {
      const isOwn = specifier.startsWith(".");
      const alias = manifest.imports[specifier]?.default;
      expect(isOwn || alias !== undefined, `${path} imports ${specifier}`).toBe(true);
      const base = isOwn ? join(path, "..", specifier) : join(installed, alias);
      await walk(base);
    }
  };
  const installed = join(project, "node_modules/@causerie/client");
  await walk(join(installed, "dist/index.js"));
  expect([...seen].some((path) => path.endsWith("platform/browser.js"))).toBe(true);
  expect([...seen].some((path) => path.endsWith("platform/node.js"))).toBe(false);
});
