import { expect, it } from "vitest";
import { origin, placeOf, websocketUrl } from "../src/address.js";
import { InvalidAddress } from "../src/errors.js";

it.each([
  ["localhost", "ws://localhost:8080/ws"],
  ["localhost:9000", "ws://localhost:9000/ws"],
  ["chat.example.org", "ws://chat.example.org:8080/ws"],
  ["[::1]", "ws://[::1]:8080/ws"],
  ["[::1]:9000", "ws://[::1]:9000/ws"],
  ["http://localhost:8080", "ws://localhost:8080/ws"],
  ["https://chat.example.org/", "wss://chat.example.org/ws"],
  ["HTTPS://Chat.Example.org", "wss://chat.example.org/ws"],
  ["wss://chat.example.org/chat", "wss://chat.example.org/chat"],
  ["ws://localhost:8080/ws?x=1#room=a", "ws://localhost:8080/ws?x=1"],
  ["  ws://localhost  ", "ws://localhost/ws"],
])("completes %s", (address, url) => {
  expect(websocketUrl(address)).toBe(url);
});

it.each([
  ["", "it is empty"],
  ["local host", "there is a blank in it"],
  ["a\u200bb", "there is a blank in it"],
  ["ftp://localhost", "it begins with ftp"],
  ["://localhost", "it begins with no scheme"],
  ["ws://", "there is no host in it"],
  ["localhost:0", "its port is no number"],
  ["localhost:99999", "its port is no number"],
  ["localhost:http", "its port is no number"],
  ["ws://a<b", "its host is none"],
])("says what is wrong with %j", (address, why) => {
  expect(() => websocketUrl(address)).toThrow(InvalidAddress);
  expect(() => websocketUrl(address)).toThrow(why);
});

it.each([
  ["localhost", "ws://localhost:8080"],
  ["ws://127.0.0.1", "ws://localhost:80"],
  ["ws://[::1]:8080", "ws://localhost:8080"],
  ["https://chat.example.org/chat", "wss://chat.example.org:443"],
])("tells a server by its origin: %s", (address, name) => {
  expect(origin(address)).toBe(name);
});

it("names the place that a URL leads to", () => {
  expect(placeOf("wss://chat.example.org/ws")).toBe("chat.example.org:443");
});
