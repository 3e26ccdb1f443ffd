import { expect, test } from "vitest";
import { mustBeAllowed, parseOptions, renderOptions } from "./options.ts";

test("options are read as Postgres reads them, and written so that Postgres reads the same", () => {
  const { settings, endpoint } = parseOptions(
    "-c search_path=a,b  --statement-timeout=5s -cwork_mem=4MB -c a.b=x\\ y\\\\z endpoint=e-1",
  );
  expect(settings).toEqual([
    ["search_path", "a,b"],
    ["statement_timeout", "5s"],
    ["work_mem", "4MB"],
    ["a.b", "x y\\z"],
  ]);
  expect(endpoint).toBe("e-1");
  expect(parseOptions(renderOptions(settings)).settings).toEqual(settings);
  for (const form of ["-c endpoint=e", "--endpoint=e", "endpoint=e", "-cendpoint=e"])
    expect(parseOptions(form)).toEqual({ endpoint: "e", settings: [] });
});

test("what is no setting is refused, and so is what loads code, delays or speaks in our name", () => {
  for (const text of ["-P", "-c", "-c x", "work_mem=1", "-W 100", "--", "-d5", "-c 1x=2", "-c a..b=1", "-c =1"])
    expect(() => parseOptions(text), text).toThrow(/invalid command-line argument/);
  for (const name of ["local_preload_libraries", "Session_Preload_Libraries", "post_auth_delay", "nebula.loaded"])
    expect(() => mustBeAllowed(name), name).toThrow(/permission denied/);
  expect(mustBeAllowed("TimeZone")).toBe("TimeZone");
});
