import { charts } from "./chart.js";
import { copies } from "./copy.js";
import { keys } from "./keys.js";
import { live } from "./live.js";
import { login } from "./login.js";
import { parts } from "./part.js";
import { select } from "./select.js";
import { zone } from "./zone.js";

copies();
keys();
login();
zone();
select();
live();
charts();
parts(charts);
document.querySelector(".bar [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
