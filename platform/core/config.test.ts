import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { integer, optional, resolveConfig, secret } from "./config.ts";

let folder: string;
const fileWith = (text: string, mode = 0o600) => {
  const file = join(folder, `secret-${mode.toString(8)}-${text.length}`);
  writeFileSync(file, text, { mode });
  chmodSync(file, mode);
  return file;
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nebula-config-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fields = { NEBULA_WORD: secret() };

test("a secret comes from the file that NAME_FILE names, without the line's end", () => {
  const config = resolveConfig({ NEBULA_WORD_FILE: fileWith("open sesame\n") }, fields);
  expect(config.NEBULA_WORD.reveal()).toBe("open sesame");
  expect(JSON.stringify(config)).not.toContain("sesame");
});

test("a plain variable counts in development only, and the file wins over it", () => {
  const development = { NEBULA_MODE: "development", NEBULA_WORD: "plain" };
  expect(resolveConfig(development, fields).NEBULA_WORD.reveal()).toBe("plain");
  expect(resolveConfig({ ...development, NEBULA_WORD_FILE: fileWith("mounted") }, fields).NEBULA_WORD.reveal()).toBe(
    "mounted",
  );
  for (const mode of [undefined, "production", "Development"])
    expect(() => resolveConfig({ NEBULA_MODE: mode, NEBULA_WORD: "plain" }, fields)).toThrow(
      /NEBULA_WORD is given as a variable; mount it and set NEBULA_WORD_FILE/,
    );
});

test("a file that others may read is refused with what to do, and its content is not in the message", () => {
  for (const mode of [0o644, 0o640, 0o606, 0o660]) {
    const attempt = () => resolveConfig({ NEBULA_WORD_FILE: fileWith("hidden-word", mode) }, fields);
    expect(attempt).toThrow(/NEB901|open to others; close it: chmod 600/);
    expect(attempt).not.toThrow(/hidden-word/);
  }
});

test("every problem is named at once", () => {
  const attempt = () =>
    resolveConfig(
      { NEBULA_COUNT: "many", NEBULA_WORD_FILE: join(folder, "nowhere") },
      { ...fields, NEBULA_COUNT: integer(), NEBULA_OTHER: secret(), NEBULA_MAYBE: optional(secret()) },
    );
  expect(attempt).toThrow(/NEBULA_WORD file .*nowhere cannot be read \(ENOENT\)/);
  expect(attempt).toThrow(/NEBULA_COUNT must be a whole number/);
  expect(attempt).toThrow(/NEBULA_OTHER_FILE is not set/);
  expect(attempt).not.toThrow(/NEBULA_MAYBE/);
});

test("an optional secret is undefined when nobody gives it", () => {
  expect(resolveConfig({}, { NEBULA_MAYBE: optional(secret()) }).NEBULA_MAYBE).toBeUndefined();
});
