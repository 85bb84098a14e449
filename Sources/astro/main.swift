print("astro")
