import { expect, it } from "vitest";
import { foldName, keyLink, newKey, readKeyLink } from "../src/keys.js";

it("carries a key to another device by a link whose secret no server is sent", () => {
  const mine = { server: "wss://chat.example.org:443", username: "Zoë & co", key: newKey() };
  const link = keyLink(mine);
  expect(link).toMatch(/^https:\/\/chat\.example\.org:443\/#/u);
  expect(new URL(link).pathname + new URL(link).search).toBe("/");
  expect(readKeyLink(` ${link}\n`)).toEqual(mine);
});

it.each([
  "",
  "https://chat.example.org",
  "https://chat.example.org/#username=Alice",
  "https://chat.example.org/#username=Alice&key=short",
  `chat.example.org#username=Alice&key=${"k".repeat(22)}`,
  `ftp://chat.example.org#username=Alice&key=${"k".repeat(22)}`,
])("takes %j for no such link", (link) => {
  expect(readKeyLink(link)).toBeUndefined();
});

it.each([
  ["Alice", "alice"],
  ["STRASSE", "strasse"],
  ["Straße", "strasse"],
  ["ẞ", "ss"],
  ["ΣΊΣΥΦΟΣ", "σίσυφοσ"],
  ["ｆｕｌｌ", "full"],
  ["ı", "ı"],
  ["İ", "i̇"],
  ["ꭰ", "Ꭰ"],
])("folds %s as Unicode does", (name, folded) => {
  expect(foldName(name)).toBe(folded);
});
