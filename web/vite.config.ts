import { defineConfig } from "vite";

/** Where a server runs that `vite` passes WebSockets on to, while one works on the page. */
const server = process.env["CAUSERIE"] ?? "http://localhost:8080";

export default defineConfig({
  build: {
    target: "es2022",
    // The page may run no script but those that the server sends.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  server: { proxy: { "/ws": { target: server, ws: true } } },
});
