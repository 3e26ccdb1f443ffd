import { tenant } from "@nebuladb/platform";

export default tenant({
  displayName: "The Lab",
  members: [
    { user: "marie@lab.example", role: "domain-admin" },
    { user: "niels@lab.example", role: "developer" },
    { user: "guest@lab.example", role: "viewer", projects: ["research"] },
  ],
});
