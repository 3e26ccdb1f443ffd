import { project } from "@nebuladb/platform";

/** The web shop. The project is what is reviewed and deployed together; its folder names it. */
export default project({ placement: "local" });
