// Which key gives which label.

const reviewKeys = (() => {
  const USUAL = { s: "sua", m: "mua", n: "noise" };
  const TAKEN = [..."acefgjkrtwz"]; // what the other acts of a review have

  // The usual letters, then the first free letter of each word, then figures; a label without a free key has a button alone.
  function forWords(words) {
    const taken = new Set(TAKEN);
    const found = {};
    for (const [key, label] of Object.entries(USUAL)) {
      if (!words.includes(label)) continue;
      found[key] = label;
      taken.add(key);
    }
    for (const label of words.filter((one) => !Object.values(found).includes(one))) {
      const key = [...label.toLowerCase(), ..."123456789"].find((letter) => /[a-z0-9]/.test(letter) && !taken.has(letter));
      found[key ?? `no key ${label}`] = label;
      if (key) taken.add(key);
    }
    return found;
  }

  return { forWords };
})();
