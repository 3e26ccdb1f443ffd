/** Members change by pull request; a stranger's pull request looks like none. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HostedPortal, startHostedPortal } from "./hosted.ts";
import { declareTenants, tenantOf } from "./people.ts";

const tenantFile = `import { tenant } from "@nebuladb/platform";

export default tenant({
  displayName: "Shop",
  members: [
    { user: "ada@shop.example", role: "domain-admin" }, // founder
  ],
});
`;
let hosted: HostedPortal;
const path = "/api/v1/tenants/shop/members";

beforeAll(async () => {
  hosted = await startHostedPortal(
    new Map([
      ["tenants/shop/tenant.ts", tenantFile],
      ["tenants/shop/store/project.ts", 'import { project } from "@nebuladb/platform";\nexport default project();\n'],
      ["tenants/bank/tenant.ts", tenantFile],
    ]),
  );
  await declareTenants(hosted.portal.sql, [tenantOf("shop", []), tenantOf("bank", [])]);
});
afterAll(() => hosted.close());

const as = async (role: "domain-admin" | "project-admin" | "developer", tenant = "shop") =>
  hosted.portal.as(await hosted.portal.tokenFor(role, tenant));

describe("a member", () => {
  it("is added by a pull request that adds one line, which who holds tenants:write merges", async () => {
    const lead = await as("domain-admin");
    const body = { user: "eve@shop.example", role: "developer", projects: ["store"] };
    const answer = await lead.send("POST", path, body);
    expect(answer).toMatchObject({ status: 202, body: { step: "change", operation: { type: "PULL_REQUEST" } } });
    const { number, headCommit } = answer.body.pull;
    const file = await hosted.host.getFile("tenants/shop/tenant.ts", headCommit);
    expect(file?.text).toBe(
      tenantFile.replace(
        "// founder\n",
        '// founder\n    { user: "eve@shop.example", role: "developer", projects: ["store"] },\n',
      ),
    );
    expect((await hosted.host.pullFiles(number)).map((each) => each.path)).toEqual(["tenants/shop/tenant.ts"]);
    const builder = await as("project-admin");
    expect((await builder.send("POST", `/api/v1/pulls/${number}/merge`, {})).body).toMatchObject({
      code: "NEB662",
      scope: "tenants:write",
    });
    expect((await lead.send("POST", `/api/v1/pulls/${number}/merge`, {})).body.code).toBe("NEB617");
  });

  it("is removed by a pull request, and who is none cannot be", async () => {
    const lead = await as("domain-admin");
    const { status, body } = await lead.send("DELETE", `${path}/ADA@shop.example`);
    expect({ status, step: body.step }).toEqual({ status: 202, step: "delete" });
    const file = await hosted.host.getFile("tenants/shop/tenant.ts", body.pull.headCommit);
    expect(file?.text).not.toContain("ada@");
    expect((await lead.send("DELETE", `${path}/nobody@shop.example`)).body.code).toBe("NEB642");
  });

  it("is asked for by nobody below a domain-admin, and of no other tenant", async () => {
    const body = { user: "eve@shop.example", role: "domain-admin" };
    expect((await (await as("project-admin")).send("POST", path, body)).body.code).toBe("NEB662");
    expect((await (await as("domain-admin", "bank")).send("POST", path, body)).body.code).toBe("NEB602");
    const odd = { ...body, projects: ["store"] };
    expect((await (await as("domain-admin")).send("POST", path, odd)).body.errors[0].path).toBe("projects");
  });
});

describe("a pull request", () => {
  it("of another tenant looks like one that is not there, and a repository that declares none of one's own like none", async () => {
    const number = await hosted.open("theirs", { "tenants/bank/core/project.ts": "// x\n" });
    const stranger = await as("project-admin");
    const told = async (at: string) => {
      const { status, body } = await stranger.get(`/api/v1/pulls/${at}`);
      return { status, body: { ...body, instance: "" } };
    };
    expect(await told(String(number))).toEqual(await told("999"));
    expect((await told(String(number))).status).toBe(404);
    expect(await told(`${number}?repository=nebula/tenants`)).toEqual(await told(`${number}?repository=no/such`));
    await declareTenants(hosted.portal.sql, [tenantOf("bank", [])]);
    expect((await stranger.get("/api/v1/pulls?repository=nebula/tenants")).body.code).toBe("NEB602");
    expect((await stranger.get("/api/v1/pulls?repository=no/such")).body.code).toBe("NEB602");
    await declareTenants(hosted.portal.sql, [tenantOf("shop", []), tenantOf("bank", [])]);
  });
});
