import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const candidates = [
  process.env.NEBULA_CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** A real browser. A machine without one fails the suite: what passkeys promise cannot be shown otherwise. */
export function startChromium(): Promise<Browser> {
  const executablePath = candidates.find((path): path is string => path !== undefined && existsSync(path));
  if (executablePath === undefined)
    throw new Error("these tests need Chromium: `apt-get install chromium`, or name one by NEBULA_CHROMIUM");
  return chromium.launch({
    executablePath,
    args: [
      ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ],
  });
}
