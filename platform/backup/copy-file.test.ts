import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyOwnFile } from "./copy-file.ts";

let home: string;
const at = (...names: string[]) => join(home, ...names);
const us = process.getuid?.() ?? 0;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "ndb-copy-"));
  for (const folder of ["data", "elsewhere"]) mkdirSync(at(folder));
  writeFileSync(at("data", "16384"), "rows");
  writeFileSync(at("elsewhere", "key"), "secret");
  symlinkSync(at("elsewhere", "key"), at("data", "link"));
  symlinkSync(at("elsewhere"), at("data", "base"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

test("a server's own file is copied, and one that is gone is none", async () => {
  expect(await copyOwnFile(at("data", "16384"), at("copy"), us)).toBe(true);
  expect(readFileSync(at("copy"), "utf8")).toBe("rows");
  expect(await copyOwnFile(at("data", "dropped"), at("none"), us)).toBe(false);
});

test("a link in its place, or a file of somebody else's behind a link on the way, is refused and copied nowhere", async () => {
  await expect(copyOwnFile(at("data", "link"), at("a"), us)).rejects.toMatchObject({ code: "NEB418" });
  const server = us === 0 ? 1_900_000_000 : us + 1;
  if (us === 0) chownSync(at("data", "16384"), server, server);
  await expect(copyOwnFile(at("data", "base", "key"), at("b"), server)).rejects.toMatchObject({ code: "NEB418" });
  await expect(copyOwnFile(at("data"), at("c"), us)).rejects.toMatchObject({ code: "NEB418" });
  for (const name of ["a", "b", "c"]) expect(() => readFileSync(at(name))).toThrow("ENOENT");
});
