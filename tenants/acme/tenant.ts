import { tenant } from "@nebuladb/platform";

/** Who may do what in Acme. A change to this file needs the approval of one of its domain-admins. */
export default tenant({
  displayName: "Acme Trading",
  plan: "standard",
  members: [
    { user: "ada@acme.example", role: "domain-admin" },
    { user: "grace@acme.example", role: "project-admin", projects: ["shop"] },
    { user: "linus@acme.example", role: "developer", projects: ["shop", "analytics"] },
    { user: "finance@acme.example", role: "billing-viewer" },
  ],
});
