import { expect, test } from "vitest";
import { isComplete } from "./complete.ts";

test.each([
  ["select 1;", true],
  ["select 1", false],
  ["select ';", false],
  ["select ';';", true],
  ["select $$;$$", false],
  ["select $a$ ; $$ $a$;", true],
  ["select 1; -- done", true],
  ["select 1 -- ;", false],
  ["/* ; */", false],
  ["select 1; select", false],
  ['select ";";', true],
  [";", true],
])("a line typed at the prompt is whole or not: %s", (typed, whole) => {
  expect(isComplete(typed)).toBe(whole);
});
