/**
 * A real server, in a process of its own: started, killed, and started again on the same port and
 * data folder.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** `causerie serve`, from the repository's own environment. */
export class Server {
  readonly #data: string;
  readonly #port: number;
  #process: ChildProcess | undefined;

  private constructor(data: string, port: number) {
    this.#data = data;
    this.#port = port;
  }

  /** Starts a server on a free port and an empty data folder. */
  static async start(): Promise<Server> {
    const data = await mkdtemp(join(tmpdir(), "causerie-test-"));
    const server = new Server(data, await freePort());
    await server.restart();
    return server;
  }

  get url(): string {
    return `ws://localhost:${this.#port}`;
  }

  /** Starts it again; what still runs is killed. */
  async restart(): Promise<void> {
    await this.kill();
    const child = spawn(
      join(ROOT, ".venv/bin/causerie"),
      ["serve", "--port", String(this.#port), "--data", this.#data, "--rate-limit", "0"],
      { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, CAUSERIE_CONFIG: "/dev/null" } },
    );
    this.#process = child;
    let said = "";
    await new Promise<void>((resolve, reject) => {
      const hear = (chunk: Buffer) => {
        said += chunk.toString();
        if (/https?:\/\/[^\s/]+:\d+/u.test(said)) resolve();
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
      child.once("error", reject);
    });
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }

  /** Ends it, and forgets its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#data, { recursive: true, force: true });
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "localhost");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}

/** Waits until something holds, looking again whenever the event loop has turned. */
export async function until(holds: () => boolean, what: string, within = 10_000): Promise<void> {
  const deadline = Date.now() + within;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
