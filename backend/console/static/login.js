// login begins a session with the token behind the # of the address, which no log sees, or with a pasted one.
export function login() {
  const form = document.getElementById("login");
  if (!form) return;
  const next = form.closest("[data-next]").dataset.next;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    signIn(document.getElementById("token").value.trim(), next);
  });
  const follow = () => {
    const link = new URLSearchParams(location.hash.slice(1)).get("t");
    if (!link) return;
    history.replaceState(null, "", location.pathname + location.search);
    signIn(link, next);
  };
  addEventListener("hashchange", follow); // A link that is opened where this page is already loads nothing.
  follow();
}

async function signIn(token, next) {
  const refused = document.getElementById("refused");
  refused.hidden = true;
  try {
    const answer = await fetch("/console/session", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
    if (answer.ok) {
      location.replace(next);
      return;
    }
    refused.textContent = await why(answer);
  } catch {
    refused.textContent = "The gateway does not answer. Try again in a moment.";
  }
  refused.hidden = false;
}

async function why(answer) {
  const problem = await answer.json().catch(() => ({}));
  const said = problem.detail || problem.title || `The gateway answered ${answer.status}.`;
  return answer.status === 401 ? `${said} A link is good for ten minutes; botgate console-link makes another one.` : said;
}
