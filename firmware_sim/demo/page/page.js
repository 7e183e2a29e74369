(function () {
  var life = document.getElementById("life");
  document.querySelectorAll(".squares button").forEach(function (b) {
    b.addEventListener("click", function () { life.innerHTML = document.getElementById(b.dataset.life).innerHTML; });
  });
  document.getElementById("large").addEventListener("click", function () {
    var on = document.body.classList.toggle("large");
    this.setAttribute("aria-pressed", on ? "true" : "false");
  });
})();
