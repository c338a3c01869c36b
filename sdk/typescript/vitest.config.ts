import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const inSource = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

export default defineConfig({
  resolve: { alias: { "#platform": inSource("platform/node.ts") } },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
