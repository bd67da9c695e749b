// zone has the link for it change between the zone of this browser and UTC.
export function zone() {
  const link = document.querySelector("[data-zone]");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!link || !here || here === "UTC" && link.dataset.zone === "UTC") return;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const form = document.createElement("form");
    form.method = "post";
    form.action = "/console/look";
    const values = { tz: link.dataset.zone === "UTC" ? here : "UTC", next: location.pathname + location.search };
    for (const [name, value] of Object.entries(values)) {
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      input.value = value;
      form.append(input);
    }
    document.body.append(form);
    form.submit();
  });
}
