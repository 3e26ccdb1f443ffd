import { type TOTP, URI } from "otpauth";
import { expect, it } from "vitest";
import { startChromium } from "./chromium.ts";
import { startGitHub } from "./github-server.ts";
import { startFederated } from "./oidc.ts";
import { addPerson, goodPassword, signIn } from "./people.ts";

const secret = "0123456789abcdef0123456789abcdef01234567";

it("a browser that comes back from GitHub finishes with a code, on a page whose one script may run", async () => {
  const github = await startGitHub({ id: "Iv1.test", secret });
  const settings = { url: github.url, clientId: "Iv1.test", clientSecret: secret };
  const portal = await startFederated(async () => ({ github: settings }));
  const chromium = await startChromium();
  try {
    const user = await addPerson(portal);
    const me = portal.as((await signIn(portal, user.email ?? "")).body.accessToken);
    const begun = await me.send("POST", "/api/v1/auth/totp", { currentPassword: goodPassword });
    const totp = URI.parse(begun.body.uri) as TOTP;
    await me.send("POST", "/api/v1/auth/totp/confirm", { code: totp.generate() });
    github.signsIn = { id: 42, login: "octo", emails: [] };
    await portal.sql.query("insert into user_identities (provider, subject, user_id) values ('github', '42', $1)", [
      user.id,
    ]);
    const page = await chromium.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    await page.goto(`${portal.publicUrl}/api/v1/auth/github/start`);
    expect(await page.textContent("h1")).toBe("One more step");
    await page.fill("input[name=code]", "000000");
    await page.click("button");
    await page.getByRole("status").filter({ hasText: "wrong" }).waitFor();
    await page.fill("input[name=code]", totp.generate({ timestamp: Date.now() + 30_000 }));
    await page.click("button");
    await page.getByRole("status").filter({ hasText: "signed in" }).waitFor();
    const cookies = await page.context().cookies(`${portal.publicUrl}/api/v1/auth/refresh`);
    expect(cookies).toMatchObject([{ name: "nebula_refresh", httpOnly: true, sameSite: "Strict" }]);
    expect(complaints.filter((text) => !text.includes("401"))).toEqual([]);
  } finally {
    await chromium.close();
    await Promise.all([portal.close(), github.close()]);
  }
}, 180_000);
