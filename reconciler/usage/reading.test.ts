import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { observeWith, readFileSizes } from "./reading.ts";

const id: DatabaseId = "acme.shop.orders";
const driver = {
  measure: async () => ({ running: false, startedAt: null, sizeBytes: 1_000, connections: 0 }),
  journal: async () => [],
};

test("storage is what the instance takes and what its buckets hold, as the gateway last wrote it down", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "ndb-sizes-"));
  try {
    let nowMs = 0;
    const filesOf = readFileSizes(dataDir, () => nowMs);
    const observe = observeWith(driver as unknown as Parameters<typeof observeWith>[0], { filesOf });
    const stored = async (of: DatabaseId) => (await observe({ id: of } as Parameters<typeof observe>[0]))?.storageBytes;
    expect(await stored(id)).toBe(1_000);
    mkdirSync(join(dataDir, "files"));
    writeFileSync(join(dataDir, "files", "sizes.json"), JSON.stringify({ [id]: 234 }));
    nowMs = 1_000;
    expect([await stored(id), await stored("acme.shop.other")]).toEqual([1_234, 1_000]);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
