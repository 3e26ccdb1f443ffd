/** Programs that tests are held against. Without one its tests are skipped, each with the reason in its name; standard error says so too. */
import { test } from "vitest";
import { type DebianFound, type DebianTool, quiet, tryDebianTool } from "../../launcher/index.ts";

type Tool = {
  readonly isThere: boolean;
  readonly found: () => DebianFound;
  readonly path: (program: string) => string;
  /** A test that needs it. */
  readonly it: (name: string, body: () => Promise<void>, timeoutMs?: number) => void;
};

export async function openTool(tool: DebianTool): Promise<Tool> {
  const tried = await tryDebianTool(tool, process.env, { ...quiet, line: (text) => console.warn(text) });
  const found = (): DebianFound => {
    if ("reason" in tried) throw new Error(tried.reason);
    return tried.found;
  };
  return {
    ...{ isThere: "found" in tried, found },
    path: (program) => {
      const path = found().paths[program];
      if (path === undefined) throw new Error(`${program} is no program of ${tool.name}`);
      return path;
    },
    it: (name, body, timeoutMs) => {
      if ("reason" in tried) test.skip(`${name} (${tried.reason})`, body, timeoutMs);
      else test(name, body, timeoutMs);
    },
  };
}
