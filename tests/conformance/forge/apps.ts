import { generateKeyPairSync } from "node:crypto";
import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/rest";
import { describe, expect } from "vitest";
import { newRepository } from "./fixtures.ts";
import type { Suite } from "./suite.ts";
import { refusal } from "./target.ts";

export function apps({ bench, test }: Suite): void {
  describe("Apps and tokens", () => {
    test("knows an App by its key, and gives its installation an hour's token", async () => {
      const { as, target, withToken } = bench();
      const repo = await newRepository(bench());
      expect((await as.app.apps.getAuthenticated()).data?.id).toBe(target.app.id);
      expect((await as.app.apps.listInstallations()).data.map(({ id }) => id)).toContain(target.app.installationId);
      const { data: installation } = await as.app.apps.getRepoInstallation(repo);
      expect(installation.id).toBe(target.app.installationId);
      expect((await as.app.apps.getOrgInstallation({ org: target.owner })).data.id).toBe(installation.id);
      const installation_id = installation.id;
      expect((await as.app.apps.getInstallation({ installation_id })).data.app_id).toBe(target.app.id);
      const narrow = { installation_id, repositories: [repo.repo], permissions: { contents: "read" as const } };
      const { data: token } = await as.app.apps.createInstallationAccessToken(narrow);
      expect(Date.parse(token.expires_at) - Date.now()).toBeGreaterThan(3_500_000);
      const client = withToken(token.token);
      expect((await client.repos.get(repo)).data.permissions).toMatchObject({ push: false, pull: true });
      expect((await client.apps.listReposAccessibleToInstallation()).data.total_count).toBe(1);
      expect((await client.apps.revokeInstallationAccessToken()).status).toBe(204);
      expect((await refusal(client.repos.get(repo))).status).toBe(401);
      const beyond = { installation_id, permissions: { administration: "write" as const } };
      expect((await refusal(as.app.apps.createInstallationAccessToken(beyond))).status).toBe(422);
      const unknown = { installation_id, repositories: ["no-such-repository"] };
      expect((await refusal(as.app.apps.createInstallationAccessToken(unknown))).status).toBe(422);
      expect((await as.installation.apps.listReposAccessibleToInstallation()).data.repositories.length).toBeGreaterThan(
        0,
      );
    });

    test("does not take a key that is not the App's, nor an installation that is not its own", async () => {
      const { target, as } = bench();
      const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
      const auth = { appId: target.app.id, privateKey: pem };
      const forger = new Octokit({ baseUrl: target.apiUrl, authStrategy: createAppAuth, auth });
      expect((await refusal(forger.apps.getAuthenticated())).status).toBe(401);
      expect((await refusal(as.app.apps.getInstallation({ installation_id: 1 }))).status).toBe(404);
      expect((await refusal(as.admin.apps.getAuthenticated())).status).toBe(401);
      expect((await refusal(as.admin.apps.listReposAccessibleToInstallation())).status).toBe(403);
    });

    test("answers 401 to a token that is none", async () => {
      const { target } = bench();
      for (const auth of [`ghp_${"x".repeat(36)}`, "", "a.b.c", "token with spaces"]) {
        const headers = { authorization: `token ${auth}` };
        const client = new Octokit({ baseUrl: target.apiUrl });
        const { status } = await refusal(client.request("GET /user", { headers }));
        expect([401, 404]).toContain(status);
      }
      const body = await fetch(`${target.apiUrl}/user`, { headers: { authorization: "Bearer wrong" } });
      expect(await body.json()).toMatchObject({ message: "Bad credentials", status: "401" });
      const broken = await fetch(`${target.apiUrl}/orgs/${target.owner}/repos`, {
        ...{ method: "POST", body: "{", headers: { authorization: `Bearer ${target.tokens.admin.reveal()}` } },
      });
      expect([broken.status, await broken.json()]).toMatchObject([400, { message: "Problems parsing JSON" }]);
      expect((await fetch(`${target.apiUrl}/no/such/route`)).status).toBe(404);
    });
  });
}
