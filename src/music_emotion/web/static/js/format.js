// Numbers and times as people read them.

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export function percent(share) {
  const value = share * 100;
  return `${value > 0 && value < 1 ? "<1" : Math.round(value)} %`;
}

// From −1 to 1, always with its sign.
export function signed(value) {
  const rounded = Math.abs(value).toFixed(2);
  if (Number(rounded) === 0) return rounded;
  return `${value > 0 ? "+" : "−"}${rounded}`;
}

export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

// A message as a sentence: a capital at its beginning, one mark at its end.
export function sentence(text) {
  const ended = /[.?!]$/.test(text) ? text : `${text}.`;
  return `${ended[0].toUpperCase()}${ended.slice(1)}`;
}

export function stem(name) {
  return name.replace(/\.[^.]{1,5}$/, "") || name;
}

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name === "colour") made.style.setProperty("--colour", value);
    else if (value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}
