#!/usr/bin/env node
/**
 * `causerie-chat`: the command line.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { DEFAULT_URL, websocketUrl } from "../address.js";
import { InvalidAddress } from "../errors.js";
import { environmentLanguage, LANGUAGES } from "../language.js";
import { chat, type Options } from "./app.js";

/** The exit code of whoever cannot be understood. */
const USAGE = 2;

const HELP = `Usage: causerie-chat [USERNAME] [OPTIONS]

Chat from a terminal, or say what comes through a pipe: /help lists the commands.

The exit code is 0, or 1 if something that was said could not be delivered.

USERNAME               The name to be known by; without one it is User and a number.
--url URL              Where the server is: ws://, wss://, http:// or https://, or a host alone.
                       [default: ${DEFAULT_URL}]
--room ROOM            The room to begin in. [default: lobby]
--max-attempts NUMBER  Give up after so many attempts to connect in a row have failed, instead of
                       never.
--plain                Plain lines without a prompt, as through a pipe.
--lang LANGUAGE        The language: en or fr. Without it, that of the environment (LC_ALL,
                       LC_MESSAGES, LANG).
--no-color             No colours; they are also left out if NO_COLOR is set.
--help                 This text.
`;

/** What a command line asks for, or what is wrong with it. */
type Asked =
  | { readonly asks: "chat"; readonly options: Options }
  | { readonly asks: "help" }
  | { readonly asks: "nonsense"; readonly why: string };

function read(argv: readonly string[]): Asked {
  const { NO_COLOR } = process.env;
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        url: { type: "string", default: DEFAULT_URL },
        room: { type: "string", default: "lobby" },
        "max-attempts": { type: "string" },
        plain: { type: "boolean", default: false },
        lang: { type: "string" },
        "no-color": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return { asks: "help" };
    if (positionals.length > 1) return nonsense(`one name is enough, not ${positionals.join(" ")}`);
    const most = values["max-attempts"];
    if (most !== undefined && !/^0*[1-9][0-9]{0,8}$/u.test(most)) {
      return nonsense(`--max-attempts is a number from 1 on, not ${most}`);
    }
    const language = LANGUAGES.find((known) => known === values.lang);
    if (values.lang !== undefined && language === undefined) {
      return nonsense(`--lang is ${LANGUAGES.join(" or ")}, not ${values.lang}`);
    }
    return {
      asks: "chat",
      options: {
        username: positionals[0],
        url: websocketUrl(values.url),
        room: values.room,
        maxAttempts: most === undefined ? undefined : Number(most),
        plain: values.plain,
        language: language ?? environmentLanguage(process.env),
        colour: process.stdout.isTTY === true && !values["no-color"] && !NO_COLOR,
      },
    };
  } catch (error) {
    if (error instanceof InvalidAddress) return nonsense(`--url cannot be so: ${error.message}`);
    // parseArgs says in one sentence which option it does not know.
    return nonsense(error instanceof Error ? error.message : String(error));
  }
}

function nonsense(why: string): Asked {
  return { asks: "nonsense", why };
}

const asked = read(process.argv.slice(2));
switch (asked.asks) {
  case "help":
    process.stdout.write(HELP);
    break;
  case "nonsense":
    process.stderr.write(`causerie-chat: ${asked.why} (causerie-chat --help lists the options)\n`);
    process.exitCode = USAGE;
    break;
  case "chat":
    // The standard input may be open still, and would keep the program.
    process.exit(await chat(asked.options));
}
