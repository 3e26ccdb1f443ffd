import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "platform/**/*.test.ts",
      "reconciler/**/*.test.ts",
      "portal/**/*.test.ts",
      "gateway/**/*.test.ts",
      "launcher/**/*.test.ts",
      "tools/**/*.test.ts",
      "charts/**/*.test.ts",
      "tests/**/*.test.ts",
    ],
    globalSetup: ["tests/harness/global-setup.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    watch: false,
    passWithNoTests: true,
  },
});
